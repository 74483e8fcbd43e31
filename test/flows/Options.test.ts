/** The four orchestration_options of flow 6, each seen from outside: the feed, the steps, and what is left behind. */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { bodyFor, type Finished, guestsNamed, outbox, read, run, until } from "../support/FlowClient.ts"
import * as TestAppLayer from "../support/TestApp.ts"
import { flaky } from "../support/Witness.ts"

const never = "中村 さくら"

const payer = (local: string) => guestsNamed("John Doe", "Jane Smith").map((guest, at) =>
  at === 0 ? { ...guest, email: `${local}@example.com` } : guest)

const positionOf = ({ feed }: Finished, step: string, status: string): number =>
  feed.findIndex(({ data, event }) => event === "step" && data.step === step && data.status === status)

const statuses = ({ steps }: Finished) =>
  Object.fromEntries(Object.entries(steps).map(([name, step]) => [name, step.status]))

const ticketsOf = Effect.fnUntraced(function* ({ flow }: Finished) {
  const job = (yield* read(`/api/tickets/generation-jobs/${flow.job_id}`)).json
  return yield* Effect.forEach(job.tickets as ReadonlyArray<{ ticket_id: number }>, ({ ticket_id }) =>
    Effect.map(read(`/api/tickets/${ticket_id}`), ({ json }) => json))
})

const paymentOf = ({ flow }: Finished, status: string) =>
  Effect.map(
    until(read(`/api/payments/${flow.payment_id}`), ({ json }) => json.status === status),
    ({ json }) => json
  )

const messagesOf = ({ accepted }: Finished) =>
  Effect.map(read(`${accepted.json.status_url}/messages`), ({ json }) =>
    json.messages as ReadonlyArray<{ type: string; channel: string; guest_id: number; status: string; reason: string }>)

const stop = { error_handling: "stop_on_error", parallel_processing: false } as const

layer(TestAppLayer.layer, { timeout: 60_000, excludeTestServices: true })("the complete flow's options", (it) => {
  it.effect("parallel_processing runs tickets and payment side by side", () =>
    Effect.gen(function* () {
      const flow = yield* run(bodyFor(101, { orchestration_options: { parallel_processing: true } }))
      assert.strictEqual(flow.flow.status, "completed")
      const begun = Math.max(positionOf(flow, "tickets", "running"), positionOf(flow, "payment", "running"))
      const ended = [positionOf(flow, "tickets", "completed"), positionOf(flow, "payment", "completed")]
      assert.isTrue(ended.every((end) => begun < end), JSON.stringify(flow.feed))
    }))

  it.effect("without parallel_processing the payment is asked for when the tickets are done", () =>
    Effect.gen(function* () {
      const flow = yield* run(bodyFor(102, { orchestration_options: { parallel_processing: false } }))
      assert.strictEqual(flow.flow.status, "completed")
      assert.isBelow(positionOf(flow, "tickets", "completed"), positionOf(flow, "payment", "running"))
    }))

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

  it.effect("stop_on_error: a ticket that cannot be made refunds the payment that was settled", () =>
    Effect.gen(function* () {
      const flow = yield* run(bodyFor(104, {
        guests: guestsNamed("John Doe", never),
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
      const told = yield* until(messagesOf(flow), (messages) => messages.length > 0)
      assert.deepStrictEqual(told.map(({ status, type }) => `${type} ${status}`), ["refund_confirmation sent"])
    }))

  it.effect("stop_on_error: the flow does not wait for a payment that it will not need", () =>
    Effect.gen(function* () {
      const flow = yield* run(bodyFor(119, {
        guests: guestsNamed(never),
        payment_config: { auto_confirm: false },
        orchestration_options: { ...stop, parallel_processing: true, retry_failed_steps: false }
      }))
      assert.strictEqual(flow.flow.status, "failed")
      assert.strictEqual(flow.flow.error.code, "tickets_failed")
      assert.strictEqual(flow.steps["payment"].status, "compensated")
      yield* paymentOf(flow, "canceled")
    }))

  it.effect("stop_on_error: messages that were not delivered are canceled, and all the rest is taken back", () =>
    Effect.gen(function* () {
      const guests = guestsNamed("John Doe", "Jane Smith")
      const flow = yield* run(bodyFor(105, {
        guests: [guests[0]!, { ...guests[1]!, phone: "+33112345678" }],
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
        messages.filter(({ status }) => status !== "sent").map(({ channel, guest_id, status }) =>
          `${channel} ${guest_id} ${status}`),
        ["sms 2 canceled"]
      )
      yield* paymentOf(flow, "refunded")
    }))

  it.effect("continue_on_error: the others get their tickets, messages and payment", () =>
    Effect.gen(function* () {
      const flow = yield* run(bodyFor(106, {
        guests: guestsNamed("John Doe", never),
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
      assert.deepStrictEqual(job.tickets.map((ticket: { status: string }) => ticket.status), ["generated", "failed"])
      assert.include(job.tickets[1].reason, "missing_glyph")
      const sent = (yield* messagesOf(flow)).filter(({ status }) => status === "sent")
        .map(({ channel, guest_id, type }) => `${type} ${channel} ${guest_id}`)
      assert.sameMembers(sent, [
        "registration_confirmation email 1",
        "ticket_generated email 1",
        "payment_confirmation email 1",
        "ticket_alert sms 1",
        "registration_confirmation email 2"
      ])
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
      const going = bodyFor(118, { guests: payer("invalid"), orchestration_options: { ...stop, error_handling: "continue_on_error" } })
      yield* paymentOf(yield* run(going), "failed")
    }))

  it.effect("timeout_seconds: a payment that nobody makes ends the flow, which goes on with nothing", () =>
    Effect.gen(function* () {
      const flow = yield* run(bodyFor(109, {
        payment_config: { auto_confirm: false },
        orchestration_options: { timeout_seconds: 1, error_handling: "continue_on_error" }
      }))
      assert.strictEqual(flow.flow.status, "completed_with_errors")
      assert.strictEqual(flow.flow.error.code, "timed_out")
      assert.strictEqual(flow.steps["payment"].error.code, "timed_out")
      assert.strictEqual(flow.steps["tickets"].status, "completed")
      assert.strictEqual(flow.steps["notifications"].status, "skipped")
      assert.strictEqual(flow.steps["reminders"].status, "skipped")
      assert.isAtLeast(Date.parse(flow.flow.finished_at), Date.parse(flow.flow.deadline))
    }))

  it.effect("timeout_seconds with stop_on_error: the payment is canceled and the tickets are void", () =>
    Effect.gen(function* () {
      const flow = yield* run(bodyFor(110, {
        payment_config: { auto_confirm: false },
        orchestration_options: { timeout_seconds: 1, error_handling: "stop_on_error" }
      }))
      assert.strictEqual(flow.flow.status, "failed")
      assert.strictEqual(flow.flow.error.code, "timed_out")
      assert.strictEqual(flow.steps["tickets"].status, "compensated")
      assert.strictEqual(flow.steps["payment"].status, "failed")
      assert.strictEqual(flow.steps["payment"].error.code, "timed_out")
      yield* paymentOf(flow, "canceled")
      assert.deepStrictEqual((yield* ticketsOf(flow)).map((ticket) => ticket.status), ["voided", "voided"])
    }))

  it.effect("retry_failed_steps tries tickets three times, and once without it", () =>
    Effect.gen(function* () {
      const guests = guestsNamed("John Doe", never)
      const often = yield* run(bodyFor(111, { guests, orchestration_options: { retry_failed_steps: true } }))
      assert.strictEqual(often.steps["tickets"].attempts, 3)
      const once = yield* run(bodyFor(112, { guests, orchestration_options: { retry_failed_steps: false } }))
      assert.strictEqual(once.steps["tickets"].attempts, 1)
    }))

  it.effect("retry_failed_steps outlasts a payment service that is down for a moment", () =>
    Effect.gen(function* () {
      yield* flaky("payments", 3, ({ path }) => path === "/api/payments")
      const flow = yield* run(bodyFor(113, { orchestration_options: { retry_failed_steps: true } }))
      assert.strictEqual(flow.flow.status, "completed", JSON.stringify(flow.flow))
      assert.strictEqual(flow.steps["payment"].attempts, 2)
    }).pipe(Effect.scoped))

  it.effect("without retry_failed_steps the same moment fails the step, after the transport's own retries", () =>
    Effect.gen(function* () {
      const refused = yield* flaky("payments", 9, ({ path }) => path === "/api/payments")
      const flow = yield* run(bodyFor(114, { orchestration_options: { retry_failed_steps: false } }))
      assert.strictEqual(flow.flow.status, "completed_with_errors")
      assert.strictEqual(flow.steps["payment"].status, "failed")
      assert.strictEqual(flow.steps["payment"].attempts, 1)
      assert.strictEqual(refused.count, 3)
    }).pipe(Effect.scoped))

  it.effect("a guest without a phone is welcome: the SMS is skipped, and says why", () =>
    Effect.gen(function* () {
      const [john, { phone: _, ...jane }] = guestsNamed("John Doe", "Jane Smith") as [object, { phone: string }]
      const flow = yield* run(bodyFor(115, { guests: [john, jane] as never, event_data: { date: "2099-06-20T09:00:00Z" } }))
      assert.strictEqual(flow.flow.status, "completed")
      const skipped = (yield* messagesOf(flow)).filter(({ status }) => status === "skipped")
      assert.deepStrictEqual(
        skipped.map(({ channel, guest_id, reason }) => `${channel} ${guest_id} ${reason}`),
        Array(3).fill("sms 2 the guest has no address for sms")
      )
    }))

  it.effect("an event that costs nothing asks nobody for a payment", () =>
    Effect.gen(function* () {
      const flow = yield* run(bodyFor(116, { payment_config: { amount: 0 } }))
      assert.strictEqual(flow.flow.status, "completed")
      assert.isNull(flow.flow.payment_id)
      assert.isNull(flow.flow.invoice_number)
      assert.deepStrictEqual((yield* ticketsOf(flow)).map((ticket) => ticket.payment_state), ["free", "free"])
      assert.notInclude((yield* messagesOf(flow)).map(({ type }) => type), "payment_confirmation")
    }))

  it.effect("an event that is full fails the flow whatever it does about errors", () =>
    Effect.gen(function* () {
      const event_data = { max_attendees: 2 }
      yield* run(bodyFor(117, { event_data }))
      const others = guestsNamed("Ann", "Ben").map((guest) => ({ ...guest, guest_id: guest.guest_id + 10 }))
      const flow = yield* run(bodyFor(117, { event_data, guests: others }))
      assert.strictEqual(flow.flow.status, "failed")
      assert.strictEqual(flow.flow.error.code, "event_full")
      assert.strictEqual(flow.steps["tickets"].status, "skipped")
      assert.strictEqual(flow.steps["payment"].status, "skipped")
    }))
})
