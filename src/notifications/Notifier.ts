/** Hands messages to the notification service, each once, and keeps the ledger of every attempt. */
import { Context, Effect, Fiber, Layer } from "effect"
import * as Batching from "../durable/Batching.ts"
import { byPriority } from "../durable/FairPlaces.ts"
import {
  NotificationClient,
  type NotificationsUnavailable,
  type Undeliverable
} from "./NotificationClient.ts"
import { NotificationStore } from "../store/notifications/NotificationStore.ts"
import type { Attempt, Begin, NewMessage, Tally } from "../store/notifications/NotificationRows.ts"
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
  leftOut: message.leftOut !== undefined,
  skip: message.leftOut ??
    (message.recipient === null ? `the guest has no address for ${message.channel}` : null)
})

/** Messages of one sending that are under way at a time. */
const atOnce = 8

type Ended = Omit<Attempt, "messageId">

type Addressed = Message & { readonly recipient: string }

const sent: Ended = { status: "sent", reason: null, retryable: false }

const codeOf = (error: Undeliverable | NotificationsUnavailable): string | null =>
  [error.response_code, error.enhanced_code].filter((code) => code !== undefined).join(" ") || null

/** The statuses of RFC 3463 and of Microsoft by which a mailbox does not exist: nothing sent to it will ever arrive. */
const isHardBounce = (error: Undeliverable | NotificationsUnavailable): boolean =>
  error.reason === "DeliveryRefused" && /^5\.1\.(1|2|3|6|10)$/.test(error.enhanced_code ?? "")

/** Whom no message can reach, for want of an address or a provider, is no failure of ours, nor one that passes. */
const unsent =
  ({ channel, recipient }: Addressed) => (error: Undeliverable | NotificationsUnavailable): Ended =>
    error.reason === "InvalidRecipient"
      ? { status: "skipped", reason: `the address cannot be reached over ${channel}`, retryable: false }
      : error.reason === "NoProvider"
      ? { status: "skipped", reason: `no provider is configured for ${channel}`, retryable: false }
      : {
        status: "failed",
        reason: error.reason,
        retryable: error._tag === "NotificationsUnavailable",
        code: codeOf(error),
        bounced: isHardBounce(error) ? recipient : null,
        inDoubt: error._tag === "NotificationsUnavailable" && error.in_doubt === true
      }

/** Who reads messages in their order: one person over one channel; a message to nobody's guest is in no order. */
const readerOf = ({ channel, eventId, guestId, messageId }: Message): string =>
  guestId === null ? messageId : `${eventId} ${guestId} ${channel}`

/** One attempt a message: of two at once the one that was sent. */
const oneEach = (attempts: ReadonlyArray<Attempt>): ReadonlyArray<Attempt> => {
  const each = new Map<string, Attempt>()
  for (const attempt of attempts) {
    if (each.get(attempt.messageId)?.status !== "sent") each.set(attempt.messageId, attempt)
  }
  return [...each.values()]
}

export class Notifier extends Context.Service<Notifier, {
  /** Enters messages in the ledger; those entered before stay as they are. Answers which wait. */
  readonly enlist: (
    origin: Origin,
    messages: ReadonlyArray<Message>
  ) => Effect.Effect<ReadonlySet<string>>
  /**
   * Sends those of these messages that wait in the ledger, eight at a time, the more urgent first and those to one guest over
   * a channel one after the other, of which the later wait for one of another type that may still be delivered; records
   * each attempt as it ends. A crash between a delivery and its record sends the message again under the same id. With
   * `untilAway` it stops when as many in a row failed in a way that may pass: whoever takes messages is away, and the rest
   * waits. `waiting` are those that the ledger has just said to wait. Counts these messages, or those of the flow that it
   * is asked to count.
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

      /** The same for those that begin: it is noted before a message is handed over, so that a kill leaves a mark. */
      const { submit: begin } = yield* Batching.make({
        name: "Notifier.begin",
        limit: 100,
        atOnce: 2,
        answer: (messages: ReadonlyArray<Begin>) =>
          Effect.map(store.begin(messages), (begun) => messages.map(({ messageId }) => begun.has(messageId)))
      })

      const attempt = Effect.fnUntraced(function* (message: Addressed) {
        const { messageId, recipient } = message
        const [goes] = yield* begin([{ messageId, recipient }])
        if (goes !== true) return { retryable: false }
        const ended = yield* client.send(messageId, bodyOf(message)).pipe(
          Effect.match({ onSuccess: () => sent, onFailure: unsent(message) })
        )
        yield* record([{ messageId, ...ended }])
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

      /** Entered while they were to be sent, and not any more. */
      const leaveOut = (messages: ReadonlyArray<Message>) =>
        Effect.forEach(
          Map.groupBy(messages, ({ leftOut }) => leftOut),
          ([why, some]) =>
            why === undefined ? Effect.void : store.skip(some.map(({ messageId }) => messageId), why),
          { discard: true }
        )

      const send: Notifier["Service"]["send"] = Effect.fn("Notifier.send")(
        function* (messages, { flowId, untilAway = false, waiting } = {}) {
          const messageIds = messages.map((message) => message.messageId)
          const open = waiting ?? (yield* store.open(messageIds))
          let inVain = 0
          const isAway = () => untilAway && inVain >= atOnce
          yield* leaveOut(messages.filter(({ messageId }) => open.has(messageId)))
          const addressed = messages.filter((message): message is Addressed =>
            message.recipient !== null && message.leftOut === undefined && open.has(message.messageId)
          ).sort(byPriority)
          yield* Effect.forEach(
            Map.groupBy(addressed, readerOf).values(),
            Effect.fnUntraced(function* (inOrder) {
              let awaited: string | undefined
              for (const message of inOrder) {
                if (isAway()) return
                if (awaited !== undefined && awaited !== message.type) continue
                const { retryable } = yield* finished(attempt(message))
                inVain = retryable ? inVain + 1 : 0
                if (retryable) awaited = message.type
              }
            }),
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
