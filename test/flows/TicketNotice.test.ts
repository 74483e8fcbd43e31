/**
 * Flow 4, third action: the guest of a ticket that its generator reported by itself is told once, by whoever speaks.
 * Guards whose removal turns this file red: `notification_sent`, the sequences that speak, running or over, the flow that
 * spoke, will speak or was asked not to, the message's id.
 */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import documented from "../fixtures/bodies/4-ticket-webhook.request.json" with { type: "json" }
import * as Mime from "../services/notifications/Mime.ts"
import { bodyFor, follow, outbox, read, start, until } from "../support/FlowClient.ts"
import * as TestAppLayer from "../support/TestApp.ts"
import {
  batchOf,
  isReceived,
  prepare,
  quiet,
  silentGenerator,
  single,
  tellingOf
} from "../support/TicketReports.ts"
import * as Webhooks from "../support/Webhooks.ts"

interface Line {
  readonly message_id: string
  readonly type: string
  readonly status: string
  readonly attempts: number
}

/** A flow that says nothing of tickets. */
const mute = { notification_config: { email_templates: ["registration_confirmation"], sms_templates: [] } }

/** The reports of one ticket, then what is in the outbox about it. */
const told = Effect.fnUntraced(function* (
  { accepted, ids: [id] }: Effect.Success<ReturnType<typeof prepare>>,
  ...reports: ReadonlyArray<object>
) {
  for (const report of reports) isReceived(yield* Webhooks.ticket(single(id, report)))
  yield* quiet(id, accepted.job_id)
  return yield* outbox(`ticket_${id}-`)
})

const untold = { notification_sent: false }

layer(TestAppLayer.layer, { excludeTestServices: true })("a guest", (it) => {
  it.effect("is told once ever of a ticket that was reported by itself", () =>
    Effect.gen(function* () {
      const ready = yield* prepare(1, mute)
      const later = { ...untold, generated_at: "2025-06-15T10:26:00Z" }
      const { notification_sent: _, ...silent } = documented
      const messages = yield* told(ready, untold, later)
      assert.strictEqual(Object.keys(messages).length, 1)
      const email = Mime.parse(Buffer.from(Object.values(messages)[0]!))
      assert.strictEqual(email.headers.to, "john@example.com")
      assert.include(Mime.leaf(email, "text/plain").body.toString(), documented.generation_data.file_url)
      assert.strictEqual(Mime.leaf(email, "image/png").headers["content-id"], "<qr-code@guichet>")
      const { json } = yield* read(`${ready.flow.status_url}/messages`)
      const about = `ticket_${ready.ids[0]}.ticket_generated.1.email`
      const ours = json.messages.filter(({ type }: Line) => type === "ticket_generated")
      assert.deepStrictEqual(
        ours.map(({ attempts, message_id, status }: Line) => [message_id, status, attempts]),
        [[about, "sent", 1]]
      )
      isReceived(yield* Webhooks.ticket({ ...silent, ticket_id: ready.ids[1] }))
      yield* quiet(ready.ids[1], ready.accepted.job_id)
      assert.strictEqual(Object.keys(yield* outbox(`ticket_${ready.ids[1]}-`)).length, 1)
    }).pipe(Effect.scoped))

  it.effect("is not told again when the generator told them, nor by a generation job", () =>
    Effect.gen(function* () {
      const ready = yield* prepare(2, mute)
      assert.deepStrictEqual(yield* told(ready, { notification_sent: true }), {})
      isReceived(yield* Webhooks.ticket(batchOf(ready.accepted.job_id, 2, ready.ids[1])))
      yield* quiet(ready.ids[1], ready.accepted.job_id)
      assert.deepStrictEqual(yield* outbox(`ticket_${ready.ids[1]}-`), {})
    }).pipe(Effect.scoped))

  it.effect("is not told beside a sequence of theirs, under way or over", () =>
    Effect.gen(function* () {
      const ready = yield* prepare(3, mute)
      const sequence = yield* tellingOf(3, 1)
      assert.deepStrictEqual(yield* told(ready, untold), {})
      yield* until(read(sequence.status_url), ({ json }) => json.status === "completed")
      assert.deepStrictEqual(yield* told(ready, { ...untold, generated_at: "2025-06-15T10:26:00Z" }), {})
    }).pipe(Effect.scoped))

  it.effect("is told by the flow that waits for the report, also of a file that is not in our store", () =>
    Effect.gen(function* () {
      yield* silentGenerator
      const { json: flow } = yield* start(bodyFor(6, { payment_config: { amount: 0 } }))
      const waiting = yield* until(read(flow.status_url), ({ json }) => json.job_id !== null)
      const { json: { tickets } } = yield* read(`/api/tickets/generation-jobs/${waiting.json.job_id}`)
      for (const { ticket_id } of tickets) isReceived(yield* Webhooks.ticket(single(ticket_id, untold)))
      yield* follow(flow.events_url)
      const { json } = yield* read(`${flow.status_url}/messages`)
      const about = json.messages.filter(({ type }: Line) => type === "ticket_generated")
      assert.deepStrictEqual(about.map(({ message_id, status }: Line) => [message_id, status]), [
        [`${flow.flow_id}.ticket_generated.1.email`, "sent"],
        [`${flow.flow_id}.ticket_generated.2.email`, "sent"]
      ])
    }).pipe(Effect.scoped))

  it.effect("is not told beside a flow that told them, or that was asked to tell nothing of tickets", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* told(yield* prepare(4), untold), {})
      const asked = yield* prepare(5, { ...mute, ticket_config: { send_notifications: false } })
      assert.deepStrictEqual(yield* told(asked, untold), {})
    }).pipe(Effect.scoped))
})
