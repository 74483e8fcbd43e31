/**
 * Watches over payments that nothing is heard of: a webhook that was lost is made up for by asking the gateway, refunds that
 * are kept are asked for, orders that nobody pays end, and the calling off of events goes on.
 */
import { Config, Duration, Effect, Layer, Option } from "effect"
import { CallOffEvent } from "../../rpc/EventCancellation.ts"
import { beginAgain, diedOf } from "../durable/DeadRun.ts"
import * as Keeper from "../durable/Keeper.ts"
import { CancellationStore } from "../store/payments/CancellationStore.ts"
import { PaymentStore } from "../store/payments/PaymentStore.ts"
import { logFault } from "../telemetry/Faults.ts"
import { PaymentClient } from "./PaymentClient.ts"
import { askDue } from "./Refunds.ts"

/** `PAYMENT_DEADLINE` after it was asked for, an order that was not paid is called off and its places are free. */
export const orderSettings = {
  deadline: Config.Duration("PAYMENT_DEADLINE").pipe(Config.withDefault(Duration.hours(24)))
}

/** Questions at the same time: a gateway counts them. */
const atOnce = 4

/** Payments of one look at most, a page at a time. */
const page = 200
const pages = 50

const notNow = (paymentId: string, doing: string) => (error: { readonly message: string }) =>
  Effect.logWarning("A payment is looked at again later", { paymentId, doing, reason: error.message })

/** Asks about each payment that is due, until none is left; how many questions it took. */
export const reconcile = Effect.gen(function* () {
  const payments = yield* PaymentStore
  const client = yield* PaymentClient
  let questions = 0
  for (let turn = 0; turn < pages; turn++) {
    const due = yield* payments.due(page)
    questions += due.length
    yield* Effect.forEach(due, (id) => Effect.catch(client.check(id), notNow(id, "check")), {
      concurrency: atOnce,
      discard: true
    })
    if (due.length < page) break
  }
  return questions
})

/** Asks for the refunds that are due, until none is left. */
export const refundDue = Effect.gen(function* () {
  for (let turn = 0; turn < pages; turn++) {
    if ((yield* askDue(page)) < page) break
  }
})

/** Calls off the orders that are too old; one that was paid after all is healed by asking. */
export const callOff = Effect.fnUntraced(function* (deadline: Duration.Duration) {
  const payments = yield* PaymentStore
  const client = yield* PaymentClient
  const seconds = Math.ceil(Duration.toSeconds(deadline))
  const close = (id: string) => Effect.asVoid(payments.close(id, "payment.canceled"))
  /** What the gateway neither cancels nor knows anything of was never opened there, unless it said once that it was. */
  const cancel = ({ opened, payment_id: id }: { readonly opened: boolean; readonly payment_id: string }) =>
    client.cancel(id).pipe(
      Effect.catchIf(({ reason }) => reason === "unknown_payment", () => close(id)),
      Effect.catchIf(({ reason }) => reason === "invalid", () => Effect.asVoid(client.check(id))),
      Effect.catchIf(({ reason }) => reason === "invalid" && !opened, () => close(id)),
      Effect.catch(notNow(id, "cancel"))
    )
  const abandoned = yield* payments.abandoned(seconds, page)
  yield* Effect.forEach(abandoned, cancel, { concurrency: atOnce, discard: true })
  return yield* payments.expire(seconds)
})

/** Begins again the calling off of events that was lost between its request and its start, or died. */
export const resume = Effect.gen(function* () {
  for (const eventId of yield* (yield* CancellationStore).running(page)) {
    const died = yield* diedOf(CallOffEvent, yield* CallOffEvent.executionId({ eventId }))
    if (Option.isNone(died)) {
      yield* CallOffEvent.execute({ eventId }, { discard: true })
      continue
    }
    yield* logFault("The calling off of an event died, and is begun again", died.value)
    yield* beginAgain(CallOffEvent, yield* CallOffEvent.executionId({ eventId }))
  }
})

/** Runs on one process of the cluster, once a minute. */
export const PaymentKeeperLayer = Layer.unwrap(
  Effect.map(
    Config.all(orderSettings),
    ({ deadline }) =>
      Keeper.make(
        "PaymentKeeper",
        Effect.all([reconcile, callOff(deadline), refundDue, resume], { concurrency: 4 }),
        "1 minute"
      )
  )
)
