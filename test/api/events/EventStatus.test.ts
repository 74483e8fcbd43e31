/**
 * An event is canceled, completed and opened again by its organiser, and its gate knows at the next scan.
 * Guards whose removal turns this file red: the status in the upsert of a published event, `own` in the route.
 */
import { assert, layer } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { TokenStore } from "../../../src/store/TokenStore.ts"
import { bodyFor, read, run, ticketsOf } from "../../support/FlowClient.ts"
import * as TestAppLayer from "../../support/TestApp.ts"
import { TestApp } from "../../support/TestApp.ts"

const put = Effect.fnUntraced(function* (eventId: number, status: string, token?: string) {
  const app = yield* TestApp
  return yield* app.ask(`/api/events/${eventId}/status`, {
    method: "PUT",
    token: token ?? app.organizer,
    body: { status }
  })
})

const scan = Effect.fnUntraced(function* (eventId: number, code: string) {
  const app = yield* TestApp
  const { json } = yield* app.ask("/api/scans/validate", {
    token: app.admin,
    body: {
      ticket_code: code,
      event_id: eventId,
      scanner_id: "scanner-1",
      scan_location: { gate: "A" },
      operator_id: "operator-1"
    }
  })
  return json.result as string
})

layer(TestAppLayer.layer, { excludeTestServices: true })("the status of an event", (it) => {
  it.effect("is what its gate goes by from the next scan on", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      const [first, second] = yield* ticketsOf(yield* run(bodyFor(1)))
      assert.strictEqual(yield* scan(1, first.ticket_code), "valid")
      for (const status of ["canceled", "completed", "draft"]) {
        const answer = yield* put(1, status)
        assert.strictEqual(answer.status, 200, answer.text)
        assert.strictEqual(answer.json.status, status)
        assert.strictEqual(yield* scan(1, second.ticket_code), "event_inactive")
      }
      assert.deepInclude((yield* put(1, "active", app.admin)).json, {
        event_id: 1,
        status: "active",
        inside: 1
      })
      assert.strictEqual(yield* scan(1, second.ticket_code), "valid")
    }))

  it.effect("is not undone by an order that comes late", () =>
    Effect.gen(function* () {
      yield* run(bodyFor(2))
      yield* put(2, "canceled")
      const late = yield* run(bodyFor(2, { event_data: { title: "Another title" } }))
      assert.strictEqual(late.flow.status, "failed")
      assert.deepStrictEqual(late.flow.error, {
        code: "event_closed",
        detail: "Event 2 is canceled: its organiser opens it again."
      })
      for (const step of ["guests", "tickets", "payment", "notifications", "reminders"]) {
        assert.strictEqual(late.steps[step].status, "skipped", step)
      }
      assert.strictEqual((yield* read("/api/events/2")).json.status, "canceled")
    }))

  it.effect("is its organiser's and an admin's to set, and one of four", () =>
    Effect.gen(function* () {
      yield* run(bodyFor(3))
      const tokens = yield* TokenStore
      const of = (role: "organizer" | "operator") =>
        Effect.map(
          tokens.create({ role, subject: "bob", owner: "bob" }),
          ({ token }) => Redacted.value(token)
        )
      assert.strictEqual((yield* put(3, "canceled", yield* of("organizer"))).status, 404)
      assert.strictEqual((yield* put(3, "canceled", yield* of("operator"))).status, 403)
      assert.strictEqual((yield* put(999, "canceled")).status, 404)
      const odd = yield* put(3, "postponed")
      assert.strictEqual(odd.status, 422)
      assert.strictEqual(odd.json.errors[0].pointer, "/status")
      assert.strictEqual((yield* read("/api/events/3")).json.status, "active")
    }))
})
