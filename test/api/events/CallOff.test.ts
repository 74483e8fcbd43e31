/**
 * An event is called off by one request: its tickets are void, its payments refunded and credited, its guests told with the
 * calendar's entry canceled, each once; what is open is canceled, what was refunded before is not refunded again, and the
 * report says of each guest what became of them.
 * Guards whose removal turns this file red: the one row of a cancellation, that its event is canceled with it, who may, the
 * refund's id, that it is of what is left, that what is open is canceled, that holders of places alone are told; that
 * nothing opens it again; that nobody is welcomed to it, and that those are told whom a flow registers while it is called off.
 */
import { assert, layer } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { TokenStore } from "../../../src/store/TokenStore.ts"
import { bodyFor, guestsNamed, outbox, read, run, start, until } from "../../support/FlowClient.ts"
import * as TestAppLayer from "../../support/TestApp.ts"
import { TestApp } from "../../support/TestApp.ts"

const quick = { generate_pdf: false, generate_qr: false }

const order = (
  eventId: number,
  amount: number,
  names: ReadonlyArray<string>,
  auto_confirm = true,
  first = 1
) =>
  bodyFor(eventId, {
    payment_config: { amount, auto_confirm },
    ticket_config: quick,
    guests: guestsNamed(...names).map((guest, at) => ({ ...guest, guest_id: first + at }))
  })

const putStatus = Effect.fnUntraced(function* (eventId: number, status: string) {
  const app = yield* TestApp
  return yield* app.ask(`/api/events/${eventId}/status`, {
    method: "PUT",
    token: app.organizer,
    body: { status }
  })
})

const callOff = Effect.fnUntraced(function* (eventId: number, token?: string) {
  const app = yield* TestApp
  return yield* app.ask(`/api/events/${eventId}/cancellation`, {
    token: token ?? app.organizer,
    body: { reason: "the hall burnt down" }
  })
})

layer(TestAppLayer.layer, { excludeTestServices: true })("an event that is called off", (it) => {
  it.effect(
    "refunds, credits and tells everybody once, and cancels what is open",
    () =>
      Effect.gen(function* () {
        const app = yield* TestApp
        const sql = yield* SqlClient.SqlClient
        const two = (yield* run(order(1, 9999, ["Ana", "Bo"]))).flow
        const three = (yield* run(order(1, 3000, ["Cy"], true, 3))).flow
        const free = (yield* run(order(1, 0, ["Di"], true, 4))).flow
        assert.deepStrictEqual([two.status, three.status, free.status], [
          "completed",
          "completed",
          "completed"
        ])
        yield* app.ask(`/api/payments/${two.payment_id}/refunds`, {
          token: app.organizer,
          body: { amount: 999, reason: "a seat was wet" },
          headers: { "idempotency-key": "before" }
        })
        const unpaid = yield* start(order(1, 500, ["Ed"], false, 5))
        yield* until(
          read(unpaid.json.status_url),
          ({ json }) => json.payment_id !== null && json.steps[4].status === "running"
        )

        const none = yield* read("/api/events/1/cancellation")
        assert.deepInclude(none.json, { status: "none", guests: 0, payments: 0 })
        const bob = Redacted.value(
          (yield* (yield* TokenStore).create({ role: "organizer", subject: "bob" })).token
        )
        assert.strictEqual((yield* callOff(1, bob)).status, 404)
        const accepted = yield* callOff(1)
        assert.strictEqual(accepted.status, 202, accepted.text)
        assert.deepInclude(accepted.json, { event_id: 1, status: "running", asked_by: "alice" })
        assert.strictEqual((yield* callOff(1)).status, 202)
        assert.strictEqual((yield* read("/api/events/1")).json.status, "canceled")

        const { json } = yield* until(read("/api/events/1/cancellation"), ({ json }) =>
          json.status === "finished")
        assert.deepInclude(json, {
          guests: 5,
          tickets_voided: 5,
          payments: 2,
          refunded: 2,
          credit_notes: 3,
          told: 5,
          untold: 0
        })
        assert.deepInclude(json.refunds, { succeeded: 2, failed: 0, refused: 0 })
        const { json: { guests } } = yield* read("/api/events/1/cancellation/guests")
        const [ana, bo, cy, di, ed] = guests
        for (const guest of [ana, bo]) {
          assert.deepInclude(guest, {
            payment_id: two.payment_id,
            payment_status: "refunded",
            amount_refunded: 9999,
            refund_status: "succeeded",
            message: "sent"
          })
          assert.lengthOf(guest.credit_notes, 2)
        }
        assert.deepInclude(cy, { payment_status: "refunded", amount_refunded: 3000, message: "sent" })
        assert.deepInclude(di, { payment_id: null, refund_status: null, message: "sent" })
        assert.deepInclude(ed, { payment_status: "canceled", refund_status: null, message: "sent" })
        const [page, rest] = [
          yield* read("/api/events/1/cancellation/guests?limit=3"),
          yield* read(`/api/events/1/cancellation/guests?limit=3&cursor=${guests.length > 3 ? "Mw" : ""}`)
        ]
        assert.strictEqual(page.json.next_cursor, "Mw")
        assert.deepStrictEqual([...page.json.guests, ...rest.json.guests], guests)

        const sent = Object.values(yield* outbox("cancellation_")).map((mail) =>
          mail.replaceAll(/=\r?\n/g, "")
        )
        assert.lengthOf(sent, 5)
        for (const mail of sent) {
          assert.match(mail, /text\/calendar[^]*method=CANCEL/i)
        }
        const ended = yield* until(
          read(unpaid.json.status_url),
          ({ json }) => json.finished_at !== null && json.finished_at !== undefined
        )
        assert.deepStrictEqual(Object.keys(yield* outbox(ended.json.flow_id)), [])
        const [welcomes] = yield* sql<{ canceled: number; others: number }>`
          SELECT count(*) FILTER (WHERE status = 'skipped' AND reason = 'the event is canceled')::int AS canceled,
            count(*) FILTER (WHERE status <> 'skipped')::int AS others
          FROM notifications WHERE flow_id = ${ended.json.flow_id} AND type = 'registration_confirmation'`
        assert.deepStrictEqual(welcomes, { canceled: 1, others: 0 })
        const [doubles] = yield* sql<{ notes: number; refunds: number }>`
        SELECT (SELECT count(*)::int FROM refunds WHERE origin = 'event') AS refunds,
          (SELECT count(*)::int FROM invoices WHERE credited > 0) AS notes`
        assert.deepStrictEqual(doubles, { refunds: 2, notes: 3 })
        const late = yield* run(order(1, 100, ["Fay"], true, 6))
        assert.strictEqual(late.flow.status, "failed", JSON.stringify(late.flow))
      }),
    90_000
  )

  it.effect(
    "tells those too whom a flow registers, and is issued tickets for, while it is called off",
    () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const { flow } = yield* run(order(3, 0, ["Ana"]))
        // The flow is still under way: the calling off has rounds until it ends.
        yield* sql`UPDATE flows SET status = 'running' WHERE flow_id = ${flow.flow_id}`
        assert.strictEqual((yield* callOff(3)).status, 202)
        yield* until(read("/api/events/3/cancellation"), ({ json }) => json.told === 1)
        const [{ event_id: id }] = (yield* sql<{ event_id: string }>`
        SELECT event_id::text FROM flows WHERE flow_id = ${flow.flow_id}`) as [{ event_id: string }]
        yield* sql`
        INSERT INTO guests (event_id, guest_id, name, email, ticket_type, locale, flow_id)
        SELECT ${id}::bigint, n, 'Late ' || n, 'late' || n || '@example.com', 'standard', 'fr', CASE WHEN n > 2 THEN ${flow.flow_id} END
        FROM generate_series(2, 4) n`
        yield* sql`
        INSERT INTO tickets (event_id, guest_id, code, ticket_type, template_id, payment_state, flow_id, status,
          voided_at, void_reason)
        SELECT ${id}::bigint, n, 'late-' || n, 'standard', 1, 'free',
          CASE WHEN n > 2 THEN ${flow.flow_id} END,
          CASE WHEN n = 2 THEN 'voided' ELSE 'generated' END, CASE WHEN n = 2 THEN now() END,
          CASE WHEN n = 2 THEN 'the event was called off' END
        FROM generate_series(2, 4) n`
        yield* until(read("/api/events/3/cancellation"), ({ json }) => json.told === 4)
        yield* sql`UPDATE flows SET status = 'completed' WHERE flow_id = ${flow.flow_id}`
        const { json } = yield* until(
          read("/api/events/3/cancellation"),
          ({ json }) => json.status === "finished"
        )
        assert.deepInclude(json, { guests: 4, tickets_voided: 4, told: 4, untold: 0 })
      }),
    60_000
  )

  it.effect("is not opened again, nor completed; it may be canceled once more", () =>
    Effect.gen(function* () {
      yield* run(order(2, 0, ["Ana"]))
      assert.strictEqual((yield* callOff(2)).status, 202)
      for (const status of ["active", "draft", "completed"]) {
        const answer = yield* putStatus(2, status)
        assert.strictEqual(answer.status, 409, `${status}: ${answer.text}`)
        assert.include(answer.json.type, "conflict")
        assert.strictEqual((yield* read("/api/events/2")).json.status, "canceled")
      }
      assert.strictEqual((yield* putStatus(2, "canceled")).status, 200)
    }))
})
