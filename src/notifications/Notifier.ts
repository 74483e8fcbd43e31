/** Hands messages to the notification service, each once, and keeps the ledger of every attempt. */
import { Context, Effect, Layer } from "effect"
import { byPriority } from "../PriorityGate.ts"
import { NotificationClient } from "../services/notifications/NotificationClient.ts"
import { type Attempt, type NewMessage, NotificationStore } from "../store/NotificationStore.ts"
import { bodyOf, type Message } from "./Message.ts"

/** Where the messages come from; the ledger is read by it. */
export interface Origin {
  readonly flowId: string | null
  readonly sequenceId: string | null
}

/** What became of the messages of one delivery; `retryable` counts the failures that may pass. */
export interface Delivery {
  readonly sent: number
  readonly failed: number
  readonly skipped: number
  readonly retryable: number
}

const enlisted = (origin: Origin) => (message: Message): NewMessage => ({
  messageId: message.messageId,
  sequenceId: origin.sequenceId,
  flowId: origin.flowId,
  eventId: message.eventId,
  guestId: message.guestId,
  type: message.type,
  template: message.template,
  channel: message.channel,
  priority: message.priority,
  recipient: message.recipient ?? "",
  scheduledAt: null,
  skip: message.recipient === null ? `the guest has no address for ${message.channel}` : null
})

type Addressed = Message & { readonly recipient: string }

export class Notifier extends Context.Service<Notifier, {
  /**
   * Delivers what was not delivered before, eight at a time, the more urgent first, and records each attempt. A crash between a
   * delivery and its record sends the message again under the same id, which the service keeps to one.
   */
  readonly deliver: (origin: Origin, messages: ReadonlyArray<Message>) => Effect.Effect<Delivery>
}>()("guichet/notifications/Notifier") {
  static readonly layer = Layer.effect(
    Notifier,
    Effect.gen(function* () {
      const store = yield* NotificationStore
      const client = yield* NotificationClient

      const attempt = (message: Addressed): Effect.Effect<Attempt> =>
        client.send(message.messageId, bodyOf(message)).pipe(
          Effect.match({
            onSuccess: () => ({
              messageId: message.messageId,
              status: "sent",
              reason: null,
              retryable: false
            }),
            onFailure: (error) =>
              error.reason === "NoProvider"
                ? {
                  messageId: message.messageId,
                  status: "skipped",
                  reason: `no provider is configured for ${message.channel}`,
                  retryable: false
                }
                : {
                  messageId: message.messageId,
                  status: "failed",
                  reason: error.reason,
                  retryable: error._tag === "NotificationsUnavailable"
                }
          })
        )

      const deliver = Effect.fn("Notifier.deliver")(
        function* (origin: Origin, messages: ReadonlyArray<Message>) {
          const entries = messages.map(enlisted(origin))
          yield* store.enlist(entries)
          const open = yield* store.open(messages.map((message) => message.messageId))
          const attempts = yield* Effect.forEach(
            messages.filter((message): message is Addressed =>
              message.recipient !== null && open.has(message.messageId)
            ).sort(byPriority),
            attempt,
            { concurrency: 8 }
          )
          yield* store.record(attempts)
          const failed = attempts.filter((attempt) => attempt.status === "failed")
          const skipped = entries.filter((entry) => entry.skip !== null).length +
            attempts.filter((attempt) => attempt.status === "skipped").length
          return {
            sent: messages.length - skipped - failed.length,
            failed: failed.length,
            skipped,
            retryable: failed.filter((attempt) => attempt.retryable).length
          }
        }
      )

      return { deliver }
    })
  )
}
