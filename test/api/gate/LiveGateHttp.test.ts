/**
 * A gate as its organiser watches it over HTTP: the view, the feed read as it comes, and the rules.
 * Guards whose removal turns this file red: who may see, the seats' limits and their release, the end with a revoked token, the resume after an id, the
 * end when the process leaves, the checks of the rules and whose they are.
 */
import { assert, layer } from "@effect/vitest"
import { Effect, Fiber, Redacted, type Scope } from "effect"
import { SqlClient } from "effect/sql"
import { usualRules } from "../../../rpc/Scan.ts"
import { seats } from "../../../src/api/gate/LiveGate.ts"
import { mostOf } from "../../../src/limits/Seats.ts"
import { Drain } from "../../../src/http/Drain.ts"
import { TokenStore } from "../../../src/store/TokenStore.ts"
import type { NewToken } from "../../../src/store/TokenRows.ts"
import { type FeedItem, parseFeed } from "../../support/FlowClient.ts"
import { publish } from "../../support/GateFixture.ts"
import * as TestAppLayer from "../../support/TestApp.ts"
import { TestApp } from "../../support/TestApp.ts"

const tokenOf = (holder: NewToken) =>
  Effect.flatMap(
    TokenStore,
    (tokens) => Effect.map(tokens.create(holder), ({ token }) => Redacted.value(token))
  )

/** Whoever publishes in the fixture. */
const organizer = tokenOf({ role: "organizer", subject: "organizer-1" })

const scan = Effect.fnUntraced(function* (
  eventId: number,
  ticket_code: string,
  token: string,
  changes: { readonly gate?: string; readonly direction?: string } = {}
) {
  const app = yield* TestApp
  const answer = yield* app.ask("/api/scans/validate", {
    token,
    body: {
      ticket_code,
      event_id: eventId,
      scanner_id: "scanner-1",
      scan_location: { gate: changes.gate ?? "A" },
      operator_id: "operator-1",
      ...(changes.direction === undefined ? {} : { direction: changes.direction })
    }
  })
  assert.strictEqual(answer.status, 200, answer.text)
  return answer.json
})

const view = Effect.fnUntraced(function* (eventId: number, token: string) {
  const app = yield* TestApp
  const answer = yield* app.ask(`/api/events/${eventId}/gate`, { token })
  assert.strictEqual(answer.status, 200, answer.text)
  return answer.json
})

/** A stream that is read as it comes; `until` answers everything up to the event that fits, or to the end. */
interface Feed {
  readonly response: Response
  readonly until: (fits: (item: FeedItem, at: number) => boolean) => Effect.Effect<ReadonlyArray<FeedItem>>
  readonly leave: Effect.Effect<void>
}

const open = Effect.fnUntraced(function* (
  eventId: number,
  token: string,
  after?: number
): Effect.fn.Return<Feed, never, TestApp | Scope.Scope> {
  const app = yield* TestApp
  const response = yield* app.fetch(`/api/events/${eventId}/gate/events`, {
    headers: {
      authorization: `Bearer ${token}`,
      ...(after === undefined ? {} : { "last-event-id": String(after) })
    }
  })
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader()
  const leave = Effect.promise(() => reader.cancel())
  yield* Effect.addFinalizer(() => leave)
  let text = ""
  let items: Array<FeedItem> = []
  const until: Feed["until"] = (fits) =>
    Effect.promise(async () => {
      for (;;) {
        const at = items.findIndex(fits)
        if (at >= 0) return items.splice(0, at + 1)
        const { done, value } = await reader.read()
        if (done) return items.splice(0)
        text += value
        const whole = text.lastIndexOf("\n\n") + 2
        items = [...items, ...parseFeed(text.slice(0, whole))]
        text = text.slice(whole)
      }
    })
  return { response, until, leave }
})

const isGate = ({ event }: FeedItem) => event === "gate"

layer(TestAppLayer.layer, { excludeTestServices: true })("a gate over HTTP", (it) => {
  it.effect("is shown to its organiser, to admins and to stewards who reach it, and to nobody else", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      const [ticket] = yield* publish(1, 1)
      yield* publish(2, 1)
      const owner = yield* organizer
      yield* scan(1, ticket!.code, owner)
      yield* scan(1, ticket!.code, owner, { gate: "B" })
      const steward = (events: ReadonlyArray<number>, gates?: ReadonlyArray<string>) =>
        tokenOf({
          role: "operator",
          subject: "steward",
          owner: "organizer-1",
          events,
          ...(gates === undefined ? {} : { gates })
        })
      const all = yield* view(1, owner)
      assert.deepStrictEqual(all.gates.map(({ gate }: { gate: string }) => gate), ["A", "B"])
      assert.deepInclude(all, { inside: 1, entered: 1, exited: 0 })
      for (
        const token of [
          app.admin,
          yield* steward([1]),
          yield* tokenOf({ role: "operator", subject: "s", owner: "organizer-1" })
        ]
      ) {
        const { as_of: _, ...seen } = yield* view(1, token)
        assert.deepStrictEqual({ ...seen, as_of: all.as_of }, all)
      }
      const limited = yield* steward([1], ["B", "C"])
      const { gates, refused } = yield* view(1, limited)
      assert.deepStrictEqual([gates.length, gates[0].gate, refused.total], [1, "B", 1])
      const feed = yield* open(1, limited, 0)
      const [scanned, gate] = yield* feed.until(isGate)
      assert.deepStrictEqual([scanned!.data.gate, gate!.data.gates.length], ["B", 1])
      yield* feed.leave
      for (const path of ["/api/events/1/gate", "/api/events/1/gate/events", "/api/events/1/gate-rules"]) {
        const nobody = yield* app.ask(path)
        assert.strictEqual(nobody.status, 401)
        const foreign = yield* app.ask(path, { token: app.organizer })
        const missing = yield* app.ask(path.replace("/1/", "/999/"), { token: app.admin })
        assert.deepStrictEqual([foreign.status, missing.status], [404, 404], path)
        assert.deepStrictEqual({ ...foreign.json, instance: 0 }, { ...missing.json, instance: 0 })
        const elsewhere = yield* app.ask(path, { token: yield* steward([2]) })
        assert.strictEqual(elsewhere.status, path.endsWith("rules") ? 403 : 404, path)
      }
      const { headers } = yield* app.ask("/api/events/1/gate", { token: owner })
      assert.strictEqual(headers.get("cache-control"), "no-store")
    }).pipe(Effect.scoped))

  it.effect("tells every scan and then the gate, without a name or a code", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      const token = yield* organizer
      const [ticket] = yield* publish(3, 1)
      const feed = yield* open(3, token)
      assert.include(feed.response.headers.get("content-type"), "text/event-stream")
      const [first] = yield* feed.until(() => true)
      assert.deepInclude(first, { event: "gate", id: 0 })
      assert.deepInclude(first!.data, { event_id: 3, inside: 0, last_seq: 0 })
      const verdict = yield* scan(3, ticket!.code, token)
      const [scanned, gate] = yield* feed.until(isGate)
      const { received_at, seq, ...data } = scanned!.data
      assert.deepStrictEqual(data, {
        scan_id: verdict.scan_id,
        gate: "A",
        direction: "entry",
        result: "valid",
        signals: [],
        ticket_id: ticket!.id,
        device_id: "scanner-1",
        source: "client",
        device_time: null,
        annulled_at: null
      })
      assert.strictEqual(received_at, verdict.decided_at)
      assert.deepStrictEqual([scanned!.id, gate!.id, gate!.data.last_seq], [seq, seq, seq])
      assert.deepInclude(gate!.data, { inside: 1, entered: 1 })
      const annulled = yield* app.ask(`/api/scans/${verdict.scan_id}/annul`, {
        token,
        body: { event_id: 3, scanner_id: "scanner-1" }
      })
      assert.strictEqual(annulled.status, 200, annulled.text)
      const [after] = yield* feed.until(isGate)
      assert.deepInclude(after, { id: seq })
      assert.deepInclude(after!.data, { inside: 0, entered: 0, annulled: 1 })
    }).pipe(Effect.scoped))

  it.effect("skips and repeats nothing for a client that comes and goes while people are scanned", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const token = yield* organizer
      const tickets = yield* publish(4, 40, { reentry: true })
      const scans = Array.from(
        { length: 160 },
        (_, at) =>
          scan(4, tickets[(at * 7) % 40]!.code, token, { direction: at % 3 === 0 ? "exit" : "entry" })
      )
      const writing = yield* Effect.forkChild(Effect.all(scans, { concurrency: 8 }))
      const told: Array<number> = []
      const isLast = ({ data, event }: FeedItem) =>
        event === "gate" && data.entered + data.exited + data.refused.total === scans.length
      for (let visit = 1, last = 0, over = false; !over; visit++) {
        const feed = yield* open(4, token, last)
        const items = yield* feed.until((item, at) => at === (visit * 11) % 37 || isLast(item))
        yield* feed.leave
        told.push(...items.filter(({ event }) => event === "scan").map(({ id }) => id))
        last = items.at(-1)!.id
        over = isLast(items.at(-1)!)
      }
      yield* Fiber.join(writing)
      const journal = yield* sql<{ seq: number }>`SELECT seq FROM scans WHERE event_id = 4 ORDER BY seq`
      assert.deepStrictEqual(told, journal.map(({ seq }) => seq))
      const rest = yield* open(4, token, told.at(-1))
      assert.deepStrictEqual((yield* rest.until(() => true)).map(isGate), [true])
    }).pipe(Effect.scoped))

  it.effect("has fifty seats, and one again when a watcher leaves", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      yield* publish(5, 1)
      const tokens = yield* Effect.forEach(Array.from({ length: Math.ceil(seats / mostOf.token) }), () =>
        organizer)
      const feeds = yield* Effect.forEach(
        Array.from({ length: seats }),
        (_, n) =>
          open(5, tokens[n % tokens.length]!)
      )
      for (const { response, until } of feeds) {
        assert.strictEqual(response.status, 200)
        yield* until(isGate)
      }
      const refused = yield* app.ask("/api/events/5/gate/events", { token: app.admin })
      assert.deepInclude(refused.json, { status: 429, type: "/problems/too-many-requests", retry_after: 15 })
      assert.strictEqual(refused.headers.get("retry-after"), "15")
      yield* feeds[0]!.leave
      const next = yield* open(5, app.admin)
      assert.deepStrictEqual((yield* next.until(isGate)).length, 1)
    }).pipe(Effect.scoped))

  it.effect("has twenty seats for a token, which loses them when it is revoked", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      yield* publish(7, 1)
      const { token, tokenId } = yield* Effect.flatMap(
        TokenStore,
        (tokens) => tokens.create({ role: "organizer", subject: "organizer-1" })
      )
      const text = Redacted.value(token)
      const feeds = yield* Effect.forEach(Array.from({ length: mostOf.token }), () => open(7, text))
      for (const { until } of feeds) yield* until(isGate)
      const refused = yield* app.ask("/api/events/7/gate/events", { token: text })
      assert.deepInclude(refused.json, { status: 429, type: "/problems/too-many-requests", retry_after: 15 })
      const revoked = yield* app.ask(`/api/tokens/${tokenId}`, { method: "DELETE", token: app.admin })
      assert.strictEqual(revoked.status, 200, revoked.text)
      for (const { until } of feeds) yield* until(() => false)
      const next = yield* open(7, yield* organizer)
      assert.strictEqual((yield* next.until(isGate)).length, 1)
    }).pipe(Effect.scoped))

  it.effect("obeys the rules that its organiser sets, and refuses bad ones field by field", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      const token = yield* organizer
      const [ticket] = yield* publish(6, 1)
      const path = "/api/events/6/gate-rules"
      const put = (body: unknown, as = token) => app.ask(path, { method: "PUT", token: as, body })
      assert.deepStrictEqual((yield* app.ask(path, { token })).json, usualRules)
      const strict = { ...usualRules, copy_window_seconds: 600, on_suspicion: "refuse" }
      assert.strictEqual((yield* put(strict, app.organizer)).status, 404)
      const steward = yield* tokenOf({ role: "operator", subject: "steward", owner: "organizer-1" })
      assert.strictEqual((yield* put(strict, steward)).status, 403)
      const bad: ReadonlyArray<readonly [string, unknown]> = [
        ["copy_window_seconds", 601],
        ["copy_window_seconds", -1],
        ["device_refusals", 1_001],
        ["device_refusals", 0.5],
        ["device_window_seconds", 0],
        ["device_window_seconds", 3_601],
        ["copy_presentations", 101],
        ["copy_presentations", "3"],
        ["copy_presentations_window_seconds", 86_401],
        ["on_suspicion", "arrest"],
        ...Object.keys(usualRules).map((field) => [field, undefined] as const)
      ]
      for (const [field, value] of bad) {
        const { json, status } = yield* put({ ...strict, [field]: value })
        assert.strictEqual(status, 422)
        assert.deepStrictEqual(json.errors.map(({ pointer }: { pointer: string }) => pointer), [`/${field}`])
      }
      assert.deepStrictEqual((yield* app.ask(path, { token })).json, usualRules)
      assert.deepStrictEqual((yield* put(strict)).json, strict)
      assert.deepStrictEqual((yield* app.ask(path, { token: app.admin })).json, strict)
      yield* scan(6, ticket!.code, token)
      const verdict = yield* scan(6, ticket!.code, token, { gate: "B" })
      assert.deepInclude(verdict, { result: "suspected_fraud", signals: ["seen_at_another_gate"] })
      const feed = yield* open(6, token, 0)
      const items = yield* feed.until(isGate)
      assert.deepStrictEqual(items[1]!.data.signals, ["seen_at_another_gate"])
      assert.deepStrictEqual(items[2]!.data.refused, { total: 1, by_reason: { suspected_fraud: 1 } })
    }).pipe(Effect.scoped))
})

layer(TestAppLayer.layer, { excludeTestServices: true })("a process that leaves", (it) => {
  it.effect("ends the feeds of its gates", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      yield* publish(1, 1)
      const feed = yield* open(1, app.admin)
      yield* feed.until(isGate)
      const rest = yield* Effect.forkChild(feed.until(() => false))
      yield* (yield* Drain).leave
      assert.deepStrictEqual(yield* Fiber.join(rest), [])
    }).pipe(Effect.scoped))
})
