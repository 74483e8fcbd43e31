/** error_handling of flow 6: what a flow that stops compensates, and what one that goes on leaves behind. */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import {
  bodyFor,
  guestsNamed,
  messagesOf,
  outbox,
  payer,
  paymentOf,
  read,
  run,
  statuses,
  ticketsOf,
  until,
  unwritable
} from "../support/FlowClient.ts"
import * as TestAppLayer from "../support/TestApp.ts"
import { around, hold, overhear, spoilTickets } from "../support/Witness.ts"

const stop = { error_handling: "stop_on_error", parallel_processing: false } as const

layer(TestAppLayer.layer, { excludeTestServices: true })(
  "a complete flow that fails",
  (it) => {
    it.effect("stop_on_error: a declined payment voids the tickets and tells nobody anything", () =>
      Effect.gen(function* () {
        const flow = yield* run(bodyFor(103, { guests: payer("declined"), orchestration_options: stop }))
        assert.strictEqual(flow.flow.status, "failed")
        assert.strictEqual(flow.flow.error.code, "payment_failed")
        assert.deepStrictEqual(statuses(flow), {
          validation: "completed",
          event: "completed",
          guests: "completed",
          tickets: "compensated",
          payment: "failed",
          notifications: "skipped",
          reminders: "skipped",
          status: "completed"
        })
        assert.strictEqual(flow.steps["payment"].error.code, "payment_failed")
        assert.strictEqual(flow.steps["tickets"].result.voided, 2)
        const tickets = yield* ticketsOf(flow)
        assert.deepStrictEqual(tickets.map((ticket) => ticket.status), ["voided", "voided"])
        assert.deepStrictEqual(yield* messagesOf(flow), [])
        assert.deepStrictEqual(yield* outbox(flow.flow.flow_id), {})
        assert.deepStrictEqual((yield* paymentOf(flow, "canceled")).template_access, [])
        assert.strictEqual(flow.feed.at(-1)!.data.status, "failed")
      }))

    it.effect("stop_on_error: a declined payment ends the rendering that goes on beside it", () =>
      Effect.gen(function* () {
        yield* hold("tickets")
        const flow = yield* run(bodyFor(112, {
          guests: payer("declined"),
          orchestration_options: { ...stop, parallel_processing: true }
        }))
        assert.strictEqual(flow.flow.status, "failed")
        assert.strictEqual(flow.flow.error.code, "payment_failed")
        const seen = statuses(flow)
        assert.deepStrictEqual([seen["tickets"], seen["payment"]], ["compensated", "failed"])
        const { json: job } = yield* read(`/api/tickets/generation-jobs/${flow.flow.job_id}`)
        assert.strictEqual(job.status, "canceled")
        const tickets = yield* ticketsOf(flow)
        assert.deepStrictEqual(tickets.map((ticket) => ticket.status), ["voided", "voided"])
      }).pipe(Effect.scoped))

    it.effect("stop_on_error: a ticket that cannot be made refunds the payment that was settled", () =>
      Effect.gen(function* () {
        yield* spoilTickets
        const flow = yield* run(bodyFor(104, {
          guests: guestsNamed("John Doe", unwritable),
          orchestration_options: { ...stop, parallel_processing: true, retry_failed_steps: false }
        }))
        assert.strictEqual(flow.flow.status, "failed")
        assert.strictEqual(flow.flow.error.code, "tickets_partially_failed")
        const seen = statuses(flow)
        assert.strictEqual(seen["tickets"], "failed")
        assert.strictEqual(flow.steps["tickets"].error.code, "tickets_partially_failed")
        assert.strictEqual(seen["payment"], "compensated")
        assert.strictEqual(seen["notifications"], "skipped")
        assert.strictEqual(seen["reminders"], "skipped")
        const tickets = yield* ticketsOf(flow)
        assert.deepStrictEqual(tickets.map((ticket) => ticket.status), ["voided", "voided"])
        assert.deepStrictEqual((yield* paymentOf(flow, "refunded")).template_access, [])
        const told = yield* until(
          messagesOf(flow),
          (messages) => messages.some(({ status }) => status === "sent")
        )
        assert.deepStrictEqual(
          told.map(({ status, type }) => `${type} ${status}`),
          ["refund_confirmation sent"]
        )
      }))

    it.effect("stop_on_error: the flow does not wait for a payment that it will not need", () =>
      Effect.gen(function* () {
        yield* spoilTickets
        const flow = yield* run(bodyFor(119, {
          guests: guestsNamed(unwritable),
          payment_config: { auto_confirm: false },
          orchestration_options: { ...stop, parallel_processing: true, retry_failed_steps: false }
        }))
        assert.strictEqual(flow.flow.status, "failed")
        assert.strictEqual(flow.flow.error.code, "tickets_failed")
        assert.strictEqual(flow.steps["payment"].status, "compensated")
        yield* paymentOf(flow, "canceled")
      }))

    it.effect("stop_on_error: a message that is refused for good takes all the rest back", () =>
      Effect.gen(function* () {
        const refusal = { type: "/problems/delivery-refused", status: 422, title: "Refused", final: true }
        yield* around(
          "notifications",
          (request, real) =>
            request.headers.get("x-request-id")?.includes(".ticket_alert.2.") === true
              ? Promise.resolve(
                Response.json({ ...refusal, _tag: "DeliveryRefused", detail: "As the test says." }, {
                  status: 422,
                  headers: { "content-type": "application/problem+json" }
                })
              )
              : real(request)
        )
        const flow = yield* run(bodyFor(105, {
          orchestration_options: { ...stop, retry_failed_steps: false },
          event_data: { date: "2099-06-20T09:00:00Z" }
        }))
        assert.strictEqual(flow.flow.status, "failed", JSON.stringify(flow.flow))
        assert.strictEqual(flow.steps["notifications"].status, "failed")
        assert.strictEqual(flow.steps["notifications"].error.code, "messages_failed")
        assert.strictEqual(flow.steps["tickets"].status, "compensated")
        assert.strictEqual(flow.steps["payment"].status, "compensated")
        const messages = yield* messagesOf(flow)
        assert.isTrue(messages.some(({ status }) => status === "sent"))
        assert.deepStrictEqual(
          messages.filter(({ guest_id, status }) => guest_id !== null && status !== "sent").map((
            { channel, guest_id, status }
          ) => `${channel} ${guest_id} ${status}`),
          ["sms 2 failed"]
        )
        yield* paymentOf(flow, "refunded")
      }).pipe(Effect.scoped))

    it.effect("stop_on_error: a phone that takes no SMS is skipped as no phone is, and nothing is compensated", () =>
      Effect.gen(function* () {
        const guests = guestsNamed("John Doe", "Jane Smith")
        const flow = yield* run(bodyFor(109, {
          guests: [guests[0]!, { ...guests[1]!, phone: "+33112345678" }],
          orchestration_options: stop
        }))
        assert.strictEqual(flow.flow.status, "completed", JSON.stringify(flow.flow))
        assert.deepStrictEqual(flow.steps["notifications"].result, { sent: 6, skipped: 1, waiting: 0 })
        const alert = (yield* messagesOf(flow)).find(({ guest_id, type }) =>
          type === "ticket_alert" && guest_id === 2
        )
        assert.deepInclude(alert, { status: "skipped", reason: "the address cannot be reached over sms" })
      }))

    it.effect("continue_on_error: the others get their tickets, messages and payment", () =>
      Effect.gen(function* () {
        yield* spoilTickets
        const heard = yield* overhear("notifications")
        const flow = yield* run(bodyFor(106, {
          guests: guestsNamed("John Doe", unwritable),
          orchestration_options: { error_handling: "continue_on_error", retry_failed_steps: false }
        }))
        assert.strictEqual(flow.flow.status, "completed_with_errors")
        assert.strictEqual(flow.flow.error.code, "tickets_partially_failed")
        assert.deepStrictEqual(statuses(flow), {
          validation: "completed",
          event: "completed",
          guests: "completed",
          tickets: "failed",
          payment: "completed",
          notifications: "completed",
          reminders: "completed",
          status: "completed"
        })
        const job = (yield* read(`/api/tickets/generation-jobs/${flow.flow.job_id}`)).json
        assert.strictEqual(job.status, "partially_failed")
        assert.deepStrictEqual(job.tickets.map((ticket: { status: string }) => ticket.status), [
          "generated",
          "failed"
        ])
        assert.include(job.tickets[1].reason, "date: ")
        const sent = (yield* messagesOf(flow)).filter(({ status }) => status === "sent")
          .map(({ channel, guest_id, type }) => `${type} ${channel} ${guest_id}`)
        assert.sameMembers(sent, [
          "registration_confirmation email 1",
          "ticket_generated email 1",
          "payment_confirmation email 1",
          "ticket_alert sms 1",
          "registration_confirmation email 2",
          "ticket_generated email 2",
          "ticket_alert sms 2"
        ])
        const mailed = heard.flatMap(({ json }) =>
          json?.template_id === "ticket_generated" && json.to === "guest2@example.com" ? [json.variables] : []
        )
        assert.strictEqual(mailed.length, 1)
        assert.deepStrictEqual(
          mailed[0].attachments.map(({ filename }: { readonly filename: string }) => filename),
          ["qr.png"]
        )
        assert.match(mailed[0].ticket_code, /^TKT-/)
        assert.isNotNull((yield* paymentOf(flow, "settled")).invoice_number)
      }))

    it.effect("continue_on_error: a declined payment leaves tickets that say so, and no receipt", () =>
      Effect.gen(function* () {
        const flow = yield* run(bodyFor(107, {
          guests: payer("declined"),
          orchestration_options: { error_handling: "continue_on_error" }
        }))
        assert.strictEqual(flow.flow.status, "completed_with_errors")
        assert.strictEqual(flow.steps["payment"].status, "failed")
        const tickets = yield* ticketsOf(flow)
        assert.deepStrictEqual(tickets.map((ticket) => `${ticket.status} ${ticket.payment_state}`), [
          "issued failed",
          "issued failed"
        ])
        const types = (yield* messagesOf(flow)).map(({ type }) => type)
        assert.include(types, "registration_confirmation")
        assert.notInclude(types, "payment_confirmation")
        assert.isNull(flow.flow.invoice_number)
      }))

    it.effect("a payment that the gateway refuses at once is failed, not pending for ever", () =>
      Effect.gen(function* () {
        const flow = yield* run(bodyFor(108, { guests: payer("invalid"), orchestration_options: stop }))
        assert.strictEqual(flow.flow.status, "failed")
        assert.strictEqual(flow.steps["payment"].status, "failed")
        assert.strictEqual(flow.steps["payment"].attempts, 1)
        assert.strictEqual(flow.steps["payment"].error.code, "payment_invalid")
        yield* paymentOf(flow, "canceled")
        const going = bodyFor(118, {
          guests: payer("invalid"),
          orchestration_options: { ...stop, error_handling: "continue_on_error" }
        })
        yield* paymentOf(yield* run(going), "failed")
      }))
  }
)
