/** Deliveries of one batch: the more urgent go first. The guard whose removal turns this file red is their order. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import type { Message } from "../../src/notifications/Message.ts"
import { Notifier } from "../../src/notifications/Notifier.ts"
import { NotificationClient } from "../../src/services/notifications/NotificationClient.ts"
import { NotificationStore } from "../../src/store/NotificationStore.ts"

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
  enlist: () => Effect.void,
  open: (ids) => Effect.succeed(new Set(ids)),
  record: () => Effect.void,
  tally: (ids) => Effect.succeed({ sent: ids.length, failed: 0, skipped: 0, retryable: 0 })
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
})
