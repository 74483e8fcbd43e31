/**
 * What an organiser made is found again: events and flows, in pages, her own alone.
 * Guards whose removal turns this file red: the owner and the roles of each list, each filter of a query, the filters in
 * the next page's address.
 */
import { assert, layer } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { TokenStore } from "../../src/store/TokenStore.ts"
import { bodyFor, read, run } from "../support/FlowClient.ts"
import * as TestAppLayer from "../support/TestApp.ts"
import { type Answer, TestApp } from "../support/TestApp.ts"

const free = { payment_config: { amount: 0 }, ticket_config: { generate_pdf: false, generate_qr: false } }

const flowOf = (eventId: number, date: string) =>
  Effect.map(run(bodyFor(eventId, { ...free, event_data: { date } })), ({ flow }) => flow.flow_id as string)

const next = ({ headers }: Answer) => /^<([^>]+)>; rel="next"$/.exec(headers.get("link") ?? "")?.[1]

/** The ids of every page, by the addresses that each names. */
const walk = Effect.fnUntraced(
  function* (path: string, idsOf: (json: Answer["json"]) => ReadonlyArray<unknown>) {
    const pages: Array<ReadonlyArray<unknown>> = []
    for (let at: string | undefined = path; at !== undefined;) {
      const page: Answer = yield* read(at)
      assert.strictEqual(page.status, 200, page.text)
      pages.push(idsOf(page.json))
      at = next(page)
      const cursor = at === undefined ? null : new URL(at, "http://localhost").searchParams.get("cursor")
      assert.strictEqual(page.json.next_cursor, cursor)
    }
    return pages
  }
)

// deno-lint-ignore no-explicit-any
const eventIds = (json: any) => json.events.map((event: { event_id: number }) => event.event_id)
// deno-lint-ignore no-explicit-any
const flowIds = (json: any) => json.flows.map((flow: { flow_id: string }) => flow.flow_id)

layer(TestAppLayer.layer, { excludeTestServices: true })("an organiser", (it) => {
  it.effect("finds her events and flows, newest first, in pages, by each filter", () =>
    Effect.gen(function* () {
      const first = yield* flowOf(1, "2027-03-01T18:00:00Z")
      const second = yield* flowOf(2, "2027-03-02T18:00:00Z")
      const third = yield* flowOf(3, "2027-04-01T18:00:00Z")

      const [event] = (yield* read("/api/events?limit=1")).json.events
      assert.deepStrictEqual({ ...event, created_at: "" }, {
        event_id: 3,
        title: "Tech Conference 2025",
        date: "2027-04-01T18:00:00.000Z",
        timezone: "Europe/Paris",
        location: event.location,
        max_attendees: event.max_attendees,
        status: "active",
        doors_open_at: null,
        doors_close_at: null,
        reentry: false,
        created_at: ""
      })
      assert.deepStrictEqual(yield* walk("/api/events", eventIds), [[3, 2, 1]])
      assert.deepStrictEqual(
        yield* walk("/api/events?limit=1&to=2027-03-31T00:00:00Z&status=active", eventIds),
        [
          [2],
          [1]
        ]
      )
      assert.deepStrictEqual(yield* walk("/api/events/?from=2027-03-02T19:00:00%2B01:00&limit=1", eventIds), [
        [3],
        [2]
      ])
      assert.deepStrictEqual(yield* walk("/api/events?status=draft", eventIds), [[]])

      const [flow] = (yield* read("/api/orchestration/flows?limit=1")).json.flows
      assert.deepInclude(flow, { flow_id: third, event_id: 3, status: "completed", error: null })
      for (const hidden of ["steps", "owner", "seq"]) assert.notProperty(flow, hidden)
      assert.deepStrictEqual(yield* walk("/api/orchestration/flows?limit=2&status=completed", flowIds), [
        [third, second],
        [first]
      ])
      assert.deepStrictEqual(yield* walk("/api/orchestration/flows?event_id=2", flowIds), [[second]])
      assert.deepStrictEqual(yield* walk("/api/orchestration/flows?status=failed", flowIds), [[]])
    }))

  it.effect("finds nothing of another; an admin finds everything, an operator has no lists", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      yield* flowOf(4, "2027-05-01T18:00:00Z")
      const tokens = yield* TokenStore
      const tokenOf = (role: "organizer" | "operator", subject: string) =>
        Effect.map(tokens.create({ role, subject, owner: subject }), ({ token }) => Redacted.value(token))
      const [bob, eve] = [yield* tokenOf("organizer", "bob"), yield* tokenOf("operator", "eve")]
      for (
        const [path, idsOf] of [["/api/events", eventIds], ["/api/orchestration/flows", flowIds]] as const
      ) {
        const hers = idsOf((yield* read(path)).json)
        assert.isNotEmpty(hers)
        assert.deepStrictEqual(idsOf((yield* app.ask(path, { token: bob })).json), [])
        assert.deepStrictEqual(idsOf((yield* app.ask(path, { token: app.admin })).json), hers)
        assert.strictEqual((yield* app.ask(path, { token: eve })).status, 403)
        assert.strictEqual((yield* app.ask(path)).status, 401)
      }
    }))

  it.effect("is told which part of her question is wrong", () =>
    Effect.gen(function* () {
      const wrong = {
        "/api/events": ["limit=0", "limit=501", "cursor=x", "status=lost", "from=2027-03-01", "to=tomorrow"],
        "/api/orchestration/flows": ["limit=0", "limit=501", "cursor=x", "status=lost", "event_id=0"]
      }
      for (const [path, queries] of Object.entries(wrong)) {
        for (const query of queries) {
          const { json, status } = yield* read(`${path}?${query}`)
          assert.strictEqual(status, 422, query)
          assert.strictEqual(json.errors[0].parameter, query.split("=")[0])
        }
      }
    }))
})
