/** Hands messages to the notification service, each once, and keeps the ledger of every attempt. */
import { Context, Effect, Fiber, Layer } from "effect"
import type { Channel } from "../../rpc/NotificationSequence.ts"
import * as Batching from "../durable/Batching.ts"
import { byPriority } from "../durable/FairPlaces.ts"
import {
  NotificationClient,
  type NotificationsUnavailable,
  type Undeliverable
} from "./NotificationClient.ts"
import {
  type Attempt,
  type NewMessage,
  NotificationStore,
  type Tally
} from "../store/notifications/NotificationStore.ts"
import { bodyOf, type Message } from "./Message.ts"

/** Where the messages come from; the ledger is read by it. */
export interface Origin {
  readonly flowId: string | null
  readonly sequenceId: string | null
}

const enlisted = (origin: Origin) => (message: Message): NewMessage => ({
  messageId: message.messageId,
  sequenceId: origin.sequenceId,
  flowId: origin.flowId,
  eventId: message.eventId,
  guestId: message.guestId,
  payerId: message.payerId,
  type: message.type,
  template: message.template,
  channel: message.channel,
  priority: message.priority,
  recipient: message.recipient ?? "",
  scheduledAt: null,
  skip: message.recipient === null ? `the guest has no address for ${message.channel}` : null
})

/** Messages of one sending that are under way at a time. */
const atOnce = 8

type Ended = Omit<Attempt, "messageId">

const sent: Ended = { status: "sent", reason: null, retryable: false }

/** Whom no message can reach, for want of an address or a provider, is no failure of ours, nor one that passes. */
const unsent = (channel: Channel) => (error: Undeliverable | NotificationsUnavailable): Ended =>
  error.reason === "InvalidRecipient"
    ? { status: "skipped", reason: `the address cannot be reached over ${channel}`, retryable: false }
    : error.reason === "NoProvider"
    ? { status: "skipped", reason: `no provider is configured for ${channel}`, retryable: false }
    : { status: "failed", reason: error.reason, retryable: error._tag === "NotificationsUnavailable" }

/** One attempt a message: of two at once the one that was sent. */
const oneEach = (attempts: ReadonlyArray<Attempt>): ReadonlyArray<Attempt> => {
  const each = new Map<string, Attempt>()
  for (const attempt of attempts) {
    if (each.get(attempt.messageId)?.status !== "sent") each.set(attempt.messageId, attempt)
  }
  return [...each.values()]
}

type Addressed = Message & { readonly recipient: string }

export class Notifier extends Context.Service<Notifier, {
  /** Enters messages in the ledger; those entered before stay as they are. Answers which wait. */
  readonly enlist: (
    origin: Origin,
    messages: ReadonlyArray<Message>
  ) => Effect.Effect<ReadonlySet<string>>
  /**
   * Sends those of these messages that wait in the ledger, eight at a time, the more urgent first, and records each attempt
   * as it ends. A crash between a delivery and its record sends the message again under the same id. With `untilAway` it
   * stops when as many in a row failed in a way that may pass: whoever takes messages is away, and the rest waits. `waiting`
   * are those that the ledger has just said to wait. Counts these messages, or those of the flow that it is asked to count.
   */
  readonly send: (
    messages: ReadonlyArray<Message>,
    options?: {
      readonly untilAway?: boolean
      readonly waiting?: ReadonlySet<string> | undefined
      readonly flowId?: string | undefined
    }
  ) => Effect.Effect<Tally>
  /** Both. */
  readonly deliver: (origin: Origin, messages: ReadonlyArray<Message>) => Effect.Effect<Tally>
}>()("guichet/notifications/Notifier") {
  static readonly layer = Layer.effect(
    Notifier,
    Effect.gen(function* () {
      const store = yield* NotificationStore
      const client = yield* NotificationClient

      const scope = yield* Effect.scope
      /** Attempts that end while others are being recorded are recorded together. */
      const { submit: record } = yield* Batching.make({
        name: "Notifier.record",
        limit: 100,
        atOnce: 2,
        answer: (attempts: ReadonlyArray<Attempt>) => Effect.as(store.record(oneEach(attempts)), attempts)
      })

      const attempt = Effect.fnUntraced(function* (message: Addressed) {
        const ended = yield* client.send(message.messageId, bodyOf(message)).pipe(
          Effect.match({ onSuccess: () => sent, onFailure: unsent(message.channel) })
        )
        yield* record([{ messageId: message.messageId, ...ended }])
        return ended
      })

      /** What is on its way is recorded though whoever waits for it is interrupted, who then waits a moment longer. */
      const finished = <A>(work: Effect.Effect<A>) =>
        Effect.flatMap(Effect.forkIn(work, scope), (fiber) =>
          Effect.onInterrupt(
            Fiber.join(fiber),
            () => Effect.timeoutOption(Fiber.await(fiber), "3 seconds")
          ))

      const enlist: Notifier["Service"]["enlist"] = (origin, messages) =>
        store.enlist(messages.map(enlisted(origin)))

      const send: Notifier["Service"]["send"] = Effect.fn("Notifier.send")(
        function* (messages, { flowId, untilAway = false, waiting } = {}) {
          const messageIds = messages.map((message) => message.messageId)
          const open = waiting ?? (yield* store.open(messageIds))
          let inVain = 0
          yield* Effect.forEach(
            messages.filter((message): message is Addressed =>
              message.recipient !== null && open.has(message.messageId)
            ).sort(byPriority),
            (message) =>
              Effect.suspend(() =>
                untilAway && inVain >= atOnce ? Effect.void : Effect.map(
                  finished(attempt(message)),
                  ({ retryable }) => void (inVain = retryable ? inVain + 1 : 0)
                )
              ),
            { concurrency: atOnce, discard: true }
          )
          return yield* store.tally(flowId === undefined ? { messageIds } : { flowId })
        }
      )

      return {
        enlist,
        send,
        deliver: Effect.fn("Notifier.deliver")((origin, messages) =>
          Effect.flatMap(enlist(origin, messages), (waiting) => send(messages, { waiting }))
        )
      }
    })
  )
}
