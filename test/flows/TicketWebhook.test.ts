/** Flow 4: the documented webhook, for one ticket or many: job state, file links, notification, archive. */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import { randomUUID } from "node:crypto"
import documented from "../fixtures/bodies/4-ticket-webhook.request.json" with { type: "json" }
import { follow, outbox, read, until } from "../support/FlowClient.ts"
import * as TestAppLayer from "../support/TestApp.ts"
import { TestApp } from "../support/TestApp.ts"
import { batchOf, isReceived, prepare, quiet, single, tellingOf } from "../support/TicketReports.ts"
import * as Webhooks from "../support/Webhooks.ts"
import { ownRowCounts } from "../support/Witness.ts"

const archiveOf = (ticketId: number) =>
  Effect.map(read(`/api/tickets/${ticketId}`), ({ json }) => json.generation)

/** The guests of an event to whom the creation of a ticket was told, or would be by a sequence. */
const firedOf = Effect.fnUntraced(function* (eventId: number) {
  const sql = yield* SqlClient.SqlClient
  return yield* sql`
    SELECT user_id FROM notification_triggers WHERE event_id = (SELECT event_id FROM event_numbers WHERE number = ${eventId} AND owner = 'alice') AND trigger = 'ticket_creation'`
})

layer(TestAppLayer.layer, { excludeTestServices: true })("a ticket webhook", (it) => {
  it.effect("of single tickets ends their job, keeps their links and archives their metadata", () =>
    Effect.gen(function* () {
      const { accepted, ids: [first, second] } = yield* prepare(1)
      isReceived(yield* Webhooks.ticket(single(`ticket-${first}`)))
      const running = yield* until(read(accepted.status_url), ({ json }) => json.generated === 1)
      assert.strictEqual(running.json.status, "running")
      const { generated_at } = documented
      const failed = { event_type: "ticket.failed", ticket_id: String(second), reason: "out of ink" }
      const metadata = { printer: "B" }
      isReceived(yield* Webhooks.ticket({ ...failed, generated_at, processing_time_ms: 40, metadata }))
      const feed = yield* follow(accepted.events_url)
      assert.strictEqual(feed.at(-1)!.data.status, "partially_failed")
      const { json: ended } = yield* read(accepted.status_url)
      assert.deepStrictEqual(ended.tickets, [
        { ticket_id: first, status: "generated", reason: null },
        { ticket_id: second, status: "failed", reason: "out of ink" }
      ])
      const { json: ticket } = yield* read(`/api/tickets/${first}`)
      assert.strictEqual(ticket.file_url, documented.generation_data.file_url)
      assert.strictEqual(ticket.qr_url, documented.generation_data.qr_url)
      assert.strictEqual(ticket.file_size, documented.generation_data.file_size)
      assert.strictEqual(ticket.generated_at, "2025-06-15T10:25:00.000Z")
      const at = "2025-06-15T10:25:00.000Z"
      assert.deepStrictEqual(yield* archiveOf(first), {
        generated: {
          generated_at: at,
          format: "pdf",
          qr_code: true,
          qr_size: "medium",
          processing_time_ms: 1250,
          notification_sent: true,
          metadata: documented.metadata
        }
      })
      assert.deepStrictEqual(yield* archiveOf(second), {
        failed: { generated_at: at, reason: "out of ink", processing_time_ms: 40, metadata }
      })
    }).pipe(Effect.scoped))

  it.effect("is archived beside what was told before: a failure and a success, the later of each", () =>
    Effect.gen(function* () {
      const { ids: [first] } = yield* prepare(4)
      const told = Effect.fnUntraced(function* (generated_at: string, reason?: string) {
        const failed = { event_type: "ticket.failed", ticket_id: first, reason, generated_at, event_id: 4 }
        const body = reason === undefined ? single(first, { event_id: 4, generated_at }) : failed
        isReceived(yield* Webhooks.ticket(body))
      })
      const archive = (kind: string, at: string) =>
        until(archiveOf(first), (archive) => archive?.[kind]?.generated_at === at)
      yield* told("2025-06-15T10:05:00.000Z", "torn")
      yield* told("2025-06-15T10:04:00.000Z", "wet")
      yield* told("2025-06-15T10:03:00.000Z")
      const { failed } = yield* archive("generated", "2025-06-15T10:03:00.000Z")
      assert.deepInclude(failed, { generated_at: "2025-06-15T10:05:00.000Z", reason: "torn" })
      yield* told("2025-06-15T10:02:00.000Z")
      yield* told("2025-06-15T10:06:00.000Z", "lost")
      const { generated } = yield* archive("failed", "2025-06-15T10:06:00.000Z")
      assert.strictEqual(generated.generated_at, "2025-06-15T10:03:00.000Z")
    }).pipe(Effect.scoped))

  it.effect("of many tickets at once does the same in one delivery", () =>
    Effect.gen(function* () {
      const { accepted, ids: [first, second] } = yield* prepare(2)
      const body = {
        event_type: "tickets.generated",
        webhook_id: `wh_${randomUUID()}`,
        job_id: accepted.job_id,
        event_id: 2,
        generated_at: documented.generated_at,
        processing_time_ms: 2500,
        tickets: [
          {
            ticket_id: first,
            status: "generated",
            reason: null,
            generation_data: documented.generation_data,
            metadata: documented.metadata
          },
          {
            ticket_id: `ticket-${second}`,
            status: "failed",
            reason: "torn",
            generation_data: null,
            metadata: {}
          }
        ]
      }
      const answer = yield* Webhooks.ticket(body, { path: "/api/ticket-webhook-routes" })
      isReceived(answer)
      assert.strictEqual(answer.json.webhook_id, body.webhook_id)
      assert.strictEqual((yield* follow(accepted.events_url)).at(-1)!.data.status, "partially_failed")
      const archive = yield* archiveOf(first)
      assert.deepInclude(archive.generated, { processing_time_ms: 2500, metadata: documented.metadata })
      assert.deepInclude((yield* archiveOf(second)).failed, { reason: "torn", processing_time_ms: 2500 })
      const again = yield* Webhooks.ticket(body)
      assert.strictEqual(again.text, answer.text)
    }).pipe(Effect.scoped))

  it.effect("has the guest told that the ticket is there, once, also of a ticket that no job waits for", () =>
    Effect.gen(function* () {
      const { ids: [first] } = yield* prepare(3)
      const accepted = yield* tellingOf(3, 1)
      for (let times = 0; times < 2; times++) {
        isReceived(yield* Webhooks.ticket(single(first, { event_id: 3 })))
      }
      const { json } = yield* until(read(accepted.status_url), ({ json }) => json.messages.length === 2)
      assert.sameMembers(json.messages.map((message: { channel: string }) => message.channel), [
        "email",
        "sms"
      ])
      yield* until(read(accepted.status_url), ({ json }) => json.status === "completed")
      assert.strictEqual(Object.keys(yield* outbox(accepted.flow_id)).length, 2)
      isReceived(yield* Webhooks.ticket(single(first, { event_id: 3 })))
      assert.strictEqual(Object.keys(yield* outbox(accepted.flow_id)).length, 2)
    }).pipe(Effect.scoped))

  it.effect("of some of a job's tickets has their guests told before the others are there", () =>
    Effect.gen(function* () {
      const { accepted, ids: [first, second] } = yield* prepare(5)
      const told = yield* tellingOf(5, 1)
      const other = yield* tellingOf(5, 2)
      isReceived(yield* Webhooks.ticket(batchOf(accepted.job_id, 5, first)))
      yield* until(read(told.status_url), ({ json }) => json.status === "completed")
      assert.strictEqual((yield* read(accepted.status_url)).json.status, "running")
      assert.strictEqual((yield* read(other.status_url)).json.status, "running")
      isReceived(yield* Webhooks.ticket(batchOf(accepted.job_id, 5, second)))
      yield* until(read(other.status_url), ({ json }) => json.status === "completed")
      assert.strictEqual(Object.keys(yield* outbox(told.flow_id)).length, 2)
    }).pipe(Effect.scoped))

  it.effect("tells nobody of a ticket that is voided", () =>
    Effect.gen(function* () {
      const { accepted, ids: [first] } = yield* prepare(6)
      yield* (yield* SqlClient.SqlClient)`
        UPDATE tickets SET status = 'voided', voided_at = now() WHERE ticket_id = ${first}`
      isReceived(yield* Webhooks.ticket(single(first)))
      yield* quiet(first, accepted.job_id)
      assert.deepStrictEqual(yield* firedOf(6), [])
    }).pipe(Effect.scoped))

  it.effect("that comes when its job is canceled tells nobody", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      const { accepted, ids: [first] } = yield* prepare(7)
      yield* app.ask(`${accepted.status_url}/cancel`, { method: "POST", token: app.organizer })
      isReceived(yield* Webhooks.ticket(batchOf(accepted.job_id, 7, first)))
      yield* quiet(first, accepted.job_id)
      assert.deepStrictEqual(yield* firedOf(7), [])
    }).pipe(Effect.scoped))

  it.effect("in the documented words is received also when its ticket is not ours", () =>
    Effect.gen(function* () {
      for (const path of ["/api/ticket-webhook-routes", "/api/ticket-webhook-routes/"]) {
        const answer = yield* Webhooks.ticket(documented, { path, requestId: "req_ticket_1234567890" })
        isReceived(answer)
        assert.strictEqual(answer.json.webhook_id, "req_ticket_1234567890")
      }
    }))

  it.effect("again under its X-Request-ID is answered alike and kept once", () =>
    Effect.gen(function* () {
      const requestId = `req_${randomUUID()}`
      const first = yield* Webhooks.ticket(documented, { requestId })
      const before = yield* ownRowCounts
      const again = Array.from({ length: 6 }, () => Webhooks.ticket(documented, { requestId }))
      for (const { text } of yield* Effect.all(again, { concurrency: "unbounded" })) {
        assert.strictEqual(text, first.text)
      }
      assert.deepStrictEqual(yield* ownRowCounts, before)
    }))

  it.effect("is another one for each thing that it says, also under an X-Request-ID of a whole run", () =>
    Effect.gen(function* () {
      const { accepted, ids } = yield* prepare(4)
      const requestId = Array.from({ length: 200 }, () => randomUUID()).join("-")
      for (const id of ids) isReceived(yield* Webhooks.ticket(single(id), { requestId }))
      assert.strictEqual((yield* follow(accepted.events_url)).at(-1)!.data.status, "completed")
      const later = { ...documented.generation_data, file_size: 9 }
      const again = { generation_data: later, generated_at: "2025-06-15T10:26:00Z" }
      isReceived(yield* Webhooks.ticket(single(ids[1], again), { requestId }))
      yield* until(read(`/api/tickets/${ids[1]}`), ({ json }) => json.file_size === 9)
      const before = yield* ownRowCounts
      for (const id of ids) isReceived(yield* Webhooks.ticket(single(id), { requestId }))
      assert.deepStrictEqual(yield* ownRowCounts, before)
    }).pipe(Effect.scoped))

  it.effect("of an unknown type is kept and ignored", () =>
    Effect.gen(function* () {
      const before = (yield* ownRowCounts)["webhook_deliveries"]!
      const answer = yield* Webhooks.ticket({ event_type: "ticket.shredded", anything: [1] })
      assert.strictEqual(answer.json.outcome, "ignored")
      assert.strictEqual((yield* ownRowCounts)["webhook_deliveries"], before + 1)
    }))

  it.effect("is 401, and stored nowhere, when anything about its signature is wrong", () =>
    Effect.gen(function* () {
      const before = yield* ownRowCounts
      const signature = (value: string) => ({ "x-ticket-service-signature": value })
      const headers: ReadonlyArray<Record<string, string>> = [
        signature(""),
        signature("ticket-service-signature"),
        signature("v1="),
        signature("v1=abc"),
        signature(`v1=${"0".repeat(64)}`),
        { "x-service-name": "payment-service" },
        { "x-service-name": "event-planner-core" },
        { "x-service-name": "" },
        { "x-request-id": "another" },
        { "x-request-id": "" },
        { "x-timestamp": "2025-06-15T10:25:00Z" },
        { "x-timestamp": new Date(Date.now() + 1_000).toISOString() }
      ]
      for (const wrong of headers) {
        const answer = yield* Webhooks.ticket(documented, { headers: wrong })
        assert.strictEqual(answer.status, 401, JSON.stringify(wrong))
        assert.strictEqual(answer.json.type, "/problems/service-refused")
      }
      assert.deepStrictEqual(yield* ownRowCounts, before)
    }))
})
