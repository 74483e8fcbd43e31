/**
 * Deliveries of one batch: the more urgent go first, and one that is to stop when nobody takes messages stops.
 * Guards whose removal turns this file red: their order, the count of what failed in a row; that what was entered and is
 * left out by now is kept as skipped, and not sent.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import type { Message } from "../../src/notifications/Message.ts"
import { Notifier } from "../../src/notifications/Notifier.ts"
import { NotificationClient, NotificationsUnavailable } from "../../src/notifications/NotificationClient.ts"
import { NotificationStore } from "../../src/store/notifications/NotificationStore.ts"
import * as TestDatabase from "../support/TestDatabase.ts"

const message = (messageId: string, priority: Message["priority"]): Message => ({
  messageId,
  priority,
  type: "ticket_generated",
  template: "ticket_generated",
  channel: "email",
  recipient: "ana@example.com",
  eventId: 1,
  guestId: 1,
  subject: null,
  variables: {}
})

const sent = { channel: "email", status: "sent", provider: "test" } as const

const ledger = Layer.mock(NotificationStore, {
  enlist: (messages) => Effect.succeed(new Set(messages.map(({ messageId }) => messageId))),
  open: (ids) => Effect.succeed(new Set(ids)),
  begin: (messages) => Effect.succeed(new Set(messages.map(({ messageId }) => messageId))),
  record: () => Effect.void,
  tally: () => Effect.succeed({ sent: 22, failed: 0, skipped: 0, retryable: 0 })
})

describe("the notifier", () => {
  it.effect("sends the receipt before the crowd that was planned before it", () =>
    Effect.gen(function* () {
      const order: Array<string> = []
      const service = Layer.mock(NotificationClient, {
        send: (id) => Effect.as(Effect.sync(() => void order.push(id)), { ...sent, message_id: id })
      })
      const messages = [
        message("low", "low"),
        ...Array.from({ length: 20 }, (_, at) => message(`crowd-${at}`, "normal")),
        message("receipt", "high")
      ]
      const delivery = yield* Effect.flatMap(
        Notifier,
        (notifier) => notifier.deliver({ flowId: null, sequenceId: null }, messages)
      ).pipe(Effect.provide(Layer.provide(Notifier.layer, [ledger, service])))
      assert.deepStrictEqual(delivery, { sent: 22, failed: 0, skipped: 0, retryable: 0 })
      assert.deepStrictEqual(order, [
        "receipt",
        ...Array.from({ length: 20 }, (_, at) => `crowd-${at}`),
        "low"
      ])
    }))

  it.effect("leaves out what was entered to be sent, and is not any more", () => {
    const sentTo: Array<string> = []
    const service = Layer.mock(NotificationClient, {
      send: (id) => Effect.as(Effect.sync(() => void sentTo.push(id)), { ...sent, message_id: id })
    })
    return Effect.gen(function* () {
      const notifier = yield* Notifier
      const store = yield* NotificationStore
      const made = ["m-1", "m-2", "m-3"].map((id) => message(id, "normal"))
      yield* notifier.enlist({ flowId: "flow_1", sequenceId: null }, made)
      const leftOut = "the event is canceled"
      yield* notifier.send(made.map((one) => one.messageId === "m-2" ? one : { ...one, leftOut }))
      assert.deepStrictEqual(sentTo, ["m-2"])
      const rows = yield* store.ofFlow("flow_1", { after: "", limit: 10 })
      assert.deepStrictEqual(rows.map(({ reason, status }) => [status, reason]), [
        ["skipped", leftOut],
        ["sent", null],
        ["skipped", leftOut]
      ])
      yield* notifier.send(made)
      assert.deepStrictEqual(sentTo, ["m-2"])
    }).pipe(
      Effect.provide(
        Notifier.layer.pipe(
          Layer.provideMerge(NotificationStore.layer),
          Layer.provide(service),
          Layer.provide(TestDatabase.layer)
        )
      )
    )
  })

  it.effect("stops after as many failures in a row as it has under way, and only when it is to", () =>
    Effect.gen(function* () {
      const tried = Effect.fnUntraced(function* (untilAway: boolean, taken: (nth: number) => boolean) {
        let tries = 0
        const service = Layer.mock(NotificationClient, {
          send: (id) =>
            Effect.suspend(() =>
              taken(++tries)
                ? Effect.succeed({ ...sent, message_id: id })
                : Effect.fail(new NotificationsUnavailable({ reason: "DeliveryDelayed" }))
            )
        })
        const crowd = Array.from({ length: 40 }, (_, at) => message(`crowd-${at}`, "normal"))
        yield* Effect.flatMap(Notifier, (notifier) => notifier.send(crowd, { untilAway })).pipe(
          Effect.provide(Layer.provide(Notifier.layer, [ledger, service]))
        )
        return tries
      })
      assert.isAtMost(yield* tried(true, () => false), 16)
      assert.strictEqual(yield* tried(true, (nth) => nth % 8 === 0), 40)
      assert.strictEqual(yield* tried(false, () => false), 40)
    }))
})
