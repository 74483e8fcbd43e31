/** Tickets whose generator is silent, so that the test reports them: one by one, or as our generator does. */
import { assert } from "@effect/vitest"
import { DateTime, Effect, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { randomUUID } from "node:crypto"
import { Ticket } from "../../rpc/Ticket.ts"
import { TicketJob } from "../../rpc/TicketJob.ts"
import job from "../fixtures/bodies/1-generation-job.request.json" with { type: "json" }
import documented from "../fixtures/bodies/4-ticket-webhook.request.json" with { type: "json" }
import sequence from "../fixtures/bodies/5-notification-flow.request.json" with { type: "json" }
import { bodyFor, type Changes, read, run, until } from "./FlowClient.ts"
import { type Answer, TestApp } from "./TestApp.ts"
import { around } from "./Witness.ts"

/** A webhook was taken. */
export const isReceived = (answer: Answer) => {
  assert.strictEqual(answer.status, 200, answer.text)
  assert.strictEqual(answer.json.outcome, "queued")
}

/** A generator that takes everything and reports nothing: the test reports. */
export const silentGenerator = around("tickets", async (request) => {
  const { job_id, tickets } = await request.json()
  return Response.json(
    { job_id, accepted: tickets.length, queued_at: new Date().toISOString() },
    { status: 202 }
  )
})

/** Two tickets without files, and a job that waits for a report of both; `changes` are to the flow that issued them. */
export const prepare = Effect.fnUntraced(function* (eventId: number, changes: Changes = {}) {
  const app = yield* TestApp
  const { accepted: flow } = yield* run(bodyFor(eventId, {
    payment_config: { amount: 0 },
    ...changes,
    ticket_config: { generate_pdf: false, generate_qr: false, ...(changes.ticket_config as object) }
  }))
  const sql = yield* SqlClient.SqlClient
  const Ids = Schema.Array(Schema.Struct({ ticket_id: Schema.Int }))
  const rows =
    yield* sql`SELECT ticket_id FROM tickets WHERE event_id = (SELECT event_id FROM event_numbers WHERE number = ${eventId} AND owner = 'alice') ORDER BY 1`
  const ids = (yield* Schema.decodeUnknownEffect(Ids)(rows)).map((row) => row.ticket_id)
  yield* silentGenerator
  const body = { ...job, ticket_ids: ids }
  const accepted = yield* app.ask("/api/tickets/generation-jobs", { token: app.organizer, body })
  yield* until(read(accepted.json.status_url), ({ json }) => json.status === "running")
  return { ids: ids as [number, number], accepted: accepted.json, flow: flow.json }
})

/** The documented report of one ticket. */
export const single = (ticketId: number | string, change: object = {}) => ({
  ...documented,
  ticket_id: ticketId,
  ...change
})

/** Our generator's report of one ticket of a job. */
export const batchOf = (jobId: string, eventId: number, ticketId: number) => ({
  event_type: "tickets.generated",
  webhook_id: `wh_${randomUUID()}`,
  job_id: jobId,
  event_id: eventId,
  generated_at: documented.generated_at,
  processing_time_ms: 1,
  tickets: [{
    ticket_id: ticketId,
    status: "generated",
    reason: null,
    generation_data: documented.generation_data,
    metadata: {}
  }]
})

/** A sequence of the documented `ticket_creation` step for a guest. */
export const tellingOf = Effect.fnUntraced(function* (eventId: number, guestId: number) {
  const app = yield* TestApp
  const [, told] = sequence.notification_sequence
  const { json } = yield* app.ask("/api/orchestration/notification-flow", {
    token: app.organizer,
    body: {
      ...sequence,
      event_id: eventId,
      user_id: guestId,
      notification_sequence: [{ ...told, delay_seconds: 0, data: {} }]
    }
  })
  return json as { readonly flow_id: string; readonly status_url: string }
})

/** Answers once the mailboxes of a ticket and of a job have done what was sent before. */
export const quiet = Effect.fnUntraced(function* (ticketId: number, jobId: string) {
  const nothing = { generatedAt: DateTime.makeUnsafe(0), webhookId: randomUUID() }
  yield* Effect.orDie((yield* TicketJob.client)(jobId).BatchGenerated({ ...nothing, tickets: [] }))
  const failed = { ticketId, status: "failed", reason: "a test", data: null, metadata: {} } as const
  yield* Effect.orDie((yield* Ticket.client)(String(ticketId)).Generated({ ...nothing, ticket: failed }))
})
