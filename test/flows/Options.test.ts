/** The other orchestration_options of flow 6, each seen from outside: the feed, the steps, the ledger. */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import {
  bodyFor,
  type Finished,
  finished,
  guestsNamed,
  messagesOf,
  payer,
  paymentOf,
  read,
  run,
  runOverdue,
  start,
  ticketsOf,
  until,
  unwritable
} from "../support/FlowClient.ts"
import * as TestAppLayer from "../support/TestApp.ts"
import { flaky, hold, spoilTickets } from "../support/Witness.ts"

const positionOf = ({ feed }: Finished, step: string, status: string): number =>
  feed.findIndex(({ data, event }) => event === "step" && data.step === step && data.status === status)

layer(TestAppLayer.layer, { excludeTestServices: true })(
  "the complete flow's options",
  (it) => {
    it.effect("parallel_processing runs tickets and payment side by side", () =>
      Effect.gen(function* () {
        const flow = yield* run(bodyFor(101, { orchestration_options: { parallel_processing: true } }))
        assert.strictEqual(flow.flow.status, "completed")
        const begun = Math.max(positionOf(flow, "tickets", "running"), positionOf(flow, "payment", "running"))
        const ended = [positionOf(flow, "tickets", "completed"), positionOf(flow, "payment", "completed")]
        assert.isTrue(ended.every((end) => begun < end), JSON.stringify(flow.feed))
      }))

    it.effect("parallel_processing acts on the payment's decision while the tickets are being made", () =>
      Effect.gen(function* () {
        const letGo = yield* hold("tickets")
        const accepted = yield* start(bodyFor(111, {
          guests: payer("declined"),
          orchestration_options: { parallel_processing: true }
        }))
        const { json: waiting } = yield* until(
          read(accepted.json.status_url),
          ({ json }) => json.steps[4].status === "failed"
        )
        assert.strictEqual(waiting.steps[3].status, "running")
        letGo()
        const flow = yield* finished(accepted)
        assert.strictEqual(flow.flow.error.code, "payment_failed")
        assert.strictEqual(flow.steps["tickets"].status, "completed")
        assert.deepStrictEqual([flow.steps["tickets"].attempts, flow.steps["payment"].attempts], [1, 1])
        assert.isBelow(positionOf(flow, "payment", "failed"), positionOf(flow, "tickets", "completed"))
      }).pipe(Effect.scoped))

    it.effect("without parallel_processing the payment is asked for when the tickets are done", () =>
      Effect.gen(function* () {
        const flow = yield* run(bodyFor(102, { orchestration_options: { parallel_processing: false } }))
        assert.strictEqual(flow.flow.status, "completed")
        assert.isBelow(positionOf(flow, "tickets", "completed"), positionOf(flow, "payment", "running"))
      }))

    it.effect("timeout_seconds: a payment that nobody makes ends the flow, which goes on with nothing", () =>
      Effect.gen(function* () {
        const flow = yield* runOverdue(bodyFor(109, {
          payment_config: { auto_confirm: false },
          orchestration_options: { error_handling: "continue_on_error" }
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
        const flow = yield* runOverdue(bodyFor(110, {
          payment_config: { auto_confirm: false },
          orchestration_options: { error_handling: "stop_on_error" }
        }))
        assert.strictEqual(flow.flow.status, "failed")
        assert.strictEqual(flow.flow.error.code, "timed_out")
        assert.strictEqual(flow.steps["tickets"].status, "compensated")
        assert.strictEqual(flow.steps["payment"].status, "failed")
        assert.strictEqual(flow.steps["payment"].error.code, "timed_out")
        yield* paymentOf(flow, "canceled")
        assert.deepStrictEqual((yield* ticketsOf(flow)).map((ticket) => ticket.status), ["voided", "voided"])
      }))

    it.effect("timeout_seconds ends a flow that nobody watched over for days", () =>
      Effect.gen(function* () {
        const { flow, steps } = yield* runOverdue(
          bodyFor(118, { payment_config: { auto_confirm: false } }),
          "3 days"
        )
        assert.strictEqual(flow.status, "completed_with_errors")
        assert.strictEqual(steps["payment"].error.code, "timed_out")
      }))

    it.effect("retry_failed_steps tries tickets three times, and once without it", () =>
      Effect.gen(function* () {
        // Events of their own: a guest who has a ticket already keeps it, and its type.
        yield* spoilTickets
        const guests = guestsNamed("John Doe", unwritable)
        const often = yield* run(
          bodyFor(119, { guests, orchestration_options: { retry_failed_steps: true } })
        )
        assert.strictEqual(often.steps["tickets"].attempts, 3)
        assert.strictEqual(often.steps["tickets"].error.code, "tickets_partially_failed")
        assert.deepInclude(often.steps["tickets"].result, { generated: 1, failed: 1 })
        const once = yield* run(
          bodyFor(112, { guests, orchestration_options: { retry_failed_steps: false } })
        )
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
        const [john, { phone: _, ...jane }] = guestsNamed("John Doe", "Jane Smith") as [
          object,
          { phone: string }
        ]
        const flow = yield* run(
          bodyFor(115, { guests: [john, jane] as never, event_data: { date: "2099-06-20T09:00:00Z" } })
        )
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
        assert.deepStrictEqual((yield* ticketsOf(flow)).map((ticket) => ticket.payment_state), [
          "free",
          "free"
        ])
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
  }
)
