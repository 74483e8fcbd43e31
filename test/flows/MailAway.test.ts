/**
 * A complete flow whose notification service takes nothing for a moment: the step does not fail, nothing is compensated,
 * and what waits is delivered after it. Guards whose removal turns this file red: what waits is handed over and is no
 * failure, also past the deadline; the end of the step when nobody takes messages.
 */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import {
  bodyFor,
  type Finished,
  type Line,
  outbox,
  paymentOf,
  read,
  run,
  ticketsOf,
  until
} from "../support/FlowClient.ts"
import * as TestAppLayer from "../support/TestApp.ts"
import { around, flaky, overhear } from "../support/Witness.ts"

/** Two guests are told three things each, the payer one more; each is tried four times by the transport. */
const messages = 7
const tries = 4 * messages

const own = (line: { readonly type: string }) => !line.type.startsWith("event_reminder")

const delivered = (flow: Finished) =>
  until(
    Effect.map(
      read(`${flow.accepted.json.status_url}/messages?limit=1000`),
      ({ json }) => (json.messages as ReadonlyArray<Line>).filter(own)
    ),
    (lines) => lines.length > 0 && lines.every(({ status }) => status === "sent")
  )

const step = (flow: Finished) =>
  Effect.map(
    read(flow.accepted.json.status_url),
    ({ json }) => json.steps.find(({ step }: { step: string }) => step === "notifications")
  )

const ended = ({ feed }: Finished) =>
  feed.find(({ data, event }) =>
    event === "step" && data.step === "notifications" && data.status !== "running"
  )!.data

const crowd = (size: number) =>
  Array.from({ length: size }, (_, at) => ({
    guest_id: at + 1,
    name: "Jean Dupont",
    email: `guest${at + 1}@example.com`,
    ticket_type: "Standard"
  }))

layer(TestAppLayer.layer, { excludeTestServices: true })(
  "a flow while mail is away",
  (it) => {
    for (const error_handling of ["continue_on_error", "stop_on_error"]) {
      it.effect(`with ${error_handling} completes, and its messages arrive afterwards`, () =>
        Effect.gen(function* () {
          yield* flaky("notifications", tries, () => true)
          const flow = yield* run(bodyFor(error_handling === "stop_on_error" ? 1 : 2, {
            orchestration_options: { error_handling, retry_failed_steps: false }
          }))
          assert.strictEqual(flow.flow.status, "completed", JSON.stringify(flow.flow))
          assert.deepInclude(ended(flow), {
            status: "completed",
            result: { sent: 0, skipped: 0, waiting: messages }
          })
          yield* delivered(flow)
          const { result, status } = yield* until(step(flow), ({ result }) => result.waiting === 0)
          assert.strictEqual(status, "completed")
          assert.deepStrictEqual(result, { sent: messages, skipped: 0, waiting: 0 })
          assert.strictEqual(Object.keys(yield* outbox(flow.flow.flow_id)).length, messages)
          for (const ticket of yield* ticketsOf(flow)) assert.strictEqual(ticket.status, "issued")
          yield* paymentOf(flow, "settled")
        }).pipe(Effect.scoped))
    }

    it.effect("does not try each of its guests in vain before it goes on", () =>
      Effect.gen(function* () {
        const heard = yield* overhear("notifications")
        yield* flaky("notifications", 60, () => true)
        const flow = yield* run(bodyFor(3, {
          guests: crowd(120) as never,
          payment_config: { amount: 0 },
          ticket_config: { generate_pdf: false, generate_qr: false, send_notifications: false }
        }))
        assert.strictEqual(flow.flow.status, "completed", JSON.stringify(flow.flow))
        assert.deepStrictEqual(ended(flow).result, { sent: 0, skipped: 0, waiting: 120 })
        yield* delivered(flow)
        const tried = new Set(heard.map(({ headers }) => headers.get("x-request-id")))
        assert.strictEqual(tried.size, 120)
      }).pipe(Effect.scoped))

    it.effect("delivers what timeout_seconds had left, and nothing twice", () =>
      Effect.gen(function* () {
        const heard = yield* overhear("notifications")
        const { promise: over, resolve: end } = Promise.withResolvers<void>()
        yield* around("notifications", (request, real) => over.then(() => real(request)))
        const flow = yield* run(bodyFor(4, {
          guests: crowd(12) as never,
          payment_config: { amount: 0 },
          ticket_config: { generate_pdf: false, generate_qr: false, send_notifications: false },
          orchestration_options: { error_handling: "continue_on_error", timeout_seconds: 6 }
        }))
        end()
        assert.strictEqual(flow.flow.status, "completed_with_errors")
        assert.strictEqual(flow.steps["notifications"].error.code, "timed_out")
        yield* delivered(flow)
        assert.strictEqual((yield* step(flow)).error.code, "timed_out")
        assert.strictEqual(new Set(heard.map(({ headers }) => headers.get("x-request-id"))).size, 12)
        assert.strictEqual(Object.keys(yield* outbox(flow.flow.flow_id)).length, 12)
      }).pipe(Effect.scoped))
  }
)
