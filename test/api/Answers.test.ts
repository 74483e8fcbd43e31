/**
 * What the handlers answer beyond the documented bodies: pages, secrets, stored states, and one scan for one key.
 * Guards whose removal turns this file red: the scan id from the Idempotency-Key, the page after the last message, the
 * status read back after a repeat, the client secret of a pending payment alone, files that a client names.
 */
import { assert, layer } from "@effect/vitest"
import { Effect, type Schema } from "effect"
import { SqlClient } from "effect/sql"
import { randomUUID } from "node:crypto"
import job from "../fixtures/bodies/1-generation-job.request.json" with { type: "json" }
import webhook from "../fixtures/bodies/2-payment-webhook.request.json" with { type: "json" }
import scanned from "../fixtures/bodies/3-scan-validate.request.json" with { type: "json" }
import sequence from "../fixtures/bodies/5-notification-flow.request.json" with { type: "json" }
import documented from "../fixtures/bodies/6-complete-flow.request.json" with { type: "json" }
import { bodyFor, follow, outbox, read, run, start, ticketsOf, until } from "../support/FlowClient.ts"
import { replace } from "../support/Mutations.ts"
import * as TestAppLayer from "../support/TestApp.ts"
import { type Answer, TestApp } from "../support/TestApp.ts"
import * as Webhooks from "../support/Webhooks.ts"

const paths = {
  flow: "/api/orchestration/complete-flow",
  sequence: "/api/orchestration/notification-flow",
  job: "/api/tickets/generation-jobs"
}

const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  Effect.flatMap(TestApp, (app) => app.ask(path, { token: app.organizer, body, headers }))

const stealing = {
  attachments: [{ filename: "a.pdf", file_key: "tickets/1/ticket.pdf", content_type: "application/pdf" }]
}

const sequenceFor = (eventId: number, data: Record<string, Schema.Json>) => ({
  ...sequence,
  event_id: eventId,
  user_id: 1,
  notification_sequence: [{ ...sequence.notification_sequence[0]!, data }]
})

layer(TestAppLayer.layer, { excludeTestServices: true })("an answer", (it) => {
  it.effect("to a scan is the same under the same Idempotency-Key, also when the first was never kept", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const [first, second] = yield* ticketsOf(yield* run(bodyFor(1)))
      const scan = (code: string, key: string) =>
        post("/api/scans/validate", { ...scanned, ticket_code: code }, { "idempotency-key": key })
      const key = randomUUID()
      const admitted = yield* scan(first.ticket_code, key)
      assert.strictEqual(admitted.json.result, "valid")
      yield* sql`DELETE FROM idempotency_keys WHERE key = ${key}`
      const { headers, json: again } = yield* scan(first.ticket_code, key)
      assert.isNull(headers.get("idempotency-replayed"))
      assert.deepStrictEqual(
        [again.scan_id, again.result, again.decided_at],
        [admitted.json.scan_id, "valid", admitted.json.decided_at]
      )
      assert.strictEqual((yield* scan(first.ticket_code, randomUUID())).json.result, "already_used")
      yield* sql`DELETE FROM idempotency_keys WHERE key = ${key}`
      assert.strictEqual((yield* scan(second.ticket_code, key)).json.result, "scan_id_reused")
      assert.strictEqual((yield* read("/api/events/1")).json.entered, 1)
    }))

  it.effect("about a ledger comes in pages of any size, of which none skips or repeats a message", () =>
    Effect.gen(function* () {
      const { accepted } = yield* run(bodyFor(2))
      const url = `${accepted.json.status_url}/messages`
      const whole = yield* read(url)
      assert.isNull(whole.json.next)
      assert.isNull(whole.headers.get("link"))
      const all = whole.json.messages.map(({ message_id }: { message_id: string }) => message_id)
      assert.strictEqual(all.length, 13)
      for (const limit of [1, 2, 3, 13]) {
        const seen: Array<string> = []
        for (let at: string | null = `${url}?limit=${limit}`; at !== null;) {
          const { headers, json }: Answer = yield* read(at)
          assert.isAtMost(json.messages.length, limit)
          assert.strictEqual(headers.get("link"), json.next === null ? null : `<${json.next}>; rel="next"`)
          seen.push(...json.messages.map(({ message_id }: { message_id: string }) => message_id))
          assert.isAtMost(seen.length, all.length)
          at = json.next
        }
        assert.deepStrictEqual(seen, all, `limit=${limit}`)
      }
      for (const limit of ["0", "1001", "1.5", "many"]) {
        assert.strictEqual((yield* read(`${url}?limit=${limit}`)).status, 422, limit)
      }
    }))

  it.effect("about a payment has the secret that its payer's page needs, and only while it waits", () =>
    Effect.gen(function* () {
      const { json: accepted } = yield* start(bodyFor(3, { payment_config: { auto_confirm: false } }))
      const { json: flow } = yield* until(read(accepted.status_url), ({ json }) => json.payment_id !== null)
      const url = `/api/payments/${flow.payment_id}`
      const waiting = yield* until(read(url), ({ json }) => json.client_secret !== null)
      assert.strictEqual(waiting.json.status, "pending")
      assert.match(waiting.json.client_secret, /_secret_/)
      assert.strictEqual(waiting.headers.get("cache-control"), "no-store")
      const body = { ...webhook, payment_id: flow.payment_id, webhook_id: `wh_${randomUUID()}` }
      assert.strictEqual((yield* Webhooks.payment(body)).status, 200)
      yield* follow(accepted.events_url)
      const settled = (yield* read(url)).json
      assert.deepStrictEqual([settled.status, settled.client_secret], ["settled", null])
    }))

  it.effect("to a repeated body tells how far its work is", () =>
    Effect.gen(function* () {
      const flow = bodyFor(4)
      const { accepted, flow: done } = yield* run(flow)
      assert.strictEqual(accepted.json.status, "accepted")
      assert.strictEqual((yield* start(flow)).json.status, done.status)

      const tickets = (yield* read(`${paths.job}/${done.job_id}`)).json.tickets as Array<
        { ticket_id: number }
      >
      const again = { ...job, ticket_ids: tickets.map(({ ticket_id }) => ticket_id) }
      const begun = yield* post(paths.job, again)
      yield* follow(begun.json.events_url)
      assert.strictEqual((yield* post(paths.job, again)).json.status, "completed")

      const body = sequenceFor(4, {})
      const running = yield* post(paths.sequence, body)
      assert.include(["running", "completed"], running.json.status)
      yield* until(read(running.json.status_url), ({ json }) => json.status === "completed")
      assert.strictEqual((yield* post(paths.sequence, body)).json.status, "completed")
    }))

  it.effect("to a date or a time that no calendar of ours has names the field", () =>
    Effect.gen(function* () {
      const dates = ["1969-12-31T23:59:59Z", "3000-01-01T00:00:00Z", "0001-01-01T00:00:00Z"]
      const hours = [-1, 8_784.5, 1e300, "24"]
      const cases: ReadonlyArray<
        readonly [path: string, body: Schema.Json, pointer: string, value: Schema.Json]
      > = [
        ...dates.map((value) => [paths.flow, documented, "/event_data/date", value] as const),
        ...hours.map((value) =>
          [paths.sequence, sequence, "/notification_sequence/3/data/reminder_hours", value] as const
        )
      ]
      for (const [path, body, pointer, value] of cases) {
        const answer = yield* post(path, replace(body, pointer, value))
        assert.strictEqual(answer.status, 422, `${pointer} ${value}`)
        assert.strictEqual(answer.json.errors[0].pointer, pointer, `${value}`)
      }
      yield* run(bodyFor(5, { event_data: { date: "2999-12-31T23:59:59Z" } }))
      assert.strictEqual((yield* post(paths.sequence, sequenceFor(5, { reminder_hours: 8_784 }))).status, 202)
    }))

  it.effect("that is a letter carries no file which a sequence's data named", () =>
    Effect.gen(function* () {
      yield* run(bodyFor(6))
      const body = sequenceFor(6, { ...stealing, personalization: stealing })
      const { json: accepted } = yield* post(paths.sequence, body)
      yield* until(read(accepted.status_url), ({ json }) => json.status === "completed")
      const letters = Object.values(yield* outbox(accepted.flow_id))
      assert.strictEqual(letters.length, 1)
      assert.notInclude(letters[0], "application/pdf")
      assert.notInclude(letters[0], "a.pdf")
    }))
})
