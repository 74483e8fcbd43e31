/** The parts of a notification sequence: when a step is due, whom it reaches, how it is tried again. */
import { DateTime, Duration, Effect, Option, Schema } from "effect"
import { Activity, DurableClock, DurableDeferred } from "effect/workflow"
import { type SequenceRequest, type SequenceStep, triggered } from "../../rpc/NotificationSequence.ts"
import { outlast } from "../Durable.ts"
import { type Message, messageIdOf, toGuest } from "../notifications/Message.ts"
import { Notifier } from "../notifications/Notifier.ts"
import { AudienceStore, type Reader } from "../store/AudienceStore.ts"
import { EventStore } from "../store/EventStore.ts"
import { type NewMessage, NotificationStore } from "../store/NotificationStore.ts"
import { SequenceStore, type StoredSequence } from "../store/SequenceStore.ts"

export const Delivered = Schema.Struct({ failed: Schema.Int, retryable: Schema.Int })

/** Names a step within its sequence: the same type may occur twice. */
const keyOf = (step: SequenceStep, position: number): string => `${position + 1}-${step.type}`

const channelsOf = (sequence: StoredSequence, step: SequenceStep) =>
  step.channels.filter((channel) => sequence.config.channels.includes(channel))

const messages = (sequence: StoredSequence, step: SequenceStep, position: number, reader: Reader) =>
  channelsOf(sequence, step).map((channel): Message =>
    toGuest(reader, {
      messageId: messageIdOf(sequence.sequence_id, keyOf(step, position), reader.guest_id, channel),
      type: step.type,
      template: step.template,
      channel,
      priority: step.priority,
      data: step.data
    })
  )

const reader = Effect.fnUntraced(function* (sequence: StoredSequence) {
  return (yield* (yield* AudienceStore).guests(sequence.event_id, [sequence.user_id]))[0]
})

/** The moment a `scheduled` step is due: `data.reminder_hours` before the event, else `delay_seconds` from now. */
const scheduledFor = Effect.fnUntraced(function* (sequence: StoredSequence, step: SequenceStep) {
  const hours = step.data["reminder_hours"]
  const event = yield* (yield* EventStore).get(sequence.event_id)
  return typeof hours === "number" && Option.isSome(event)
    ? DateTime.subtract(event.value.date, { hours })
    : DateTime.add(sequence.created_at, { seconds: step.delay_seconds })
})

/** Waits until the step is due; false when it must not be sent any more. */
const due = Effect.fnUntraced(function* (sequence: StoredSequence, step: SequenceStep, position: number) {
  const name = keyOf(step, position)
  if (step.trigger !== "scheduled") {
    const woken = yield* DurableDeferred.await(triggered(step.trigger))
    if (woken === "canceled") return false
    if (step.delay_seconds > 0) {
      yield* DurableClock.sleep({ name: `${name}/delay`, duration: Duration.seconds(step.delay_seconds) })
    }
    return true
  }
  const at = yield* Activity.make({
    name: `${name}/schedule`,
    success: Schema.DateTimeUtc,
    execute: outlast(schedule(sequence, step, position))
  })
  const left = DateTime.distance(yield* DateTime.now, at)
  if (Duration.toMillis(left) > 0) yield* DurableClock.sleep({ name: `${name}/delay`, duration: left })
  return true
})

/** Enters a scheduled step in the ledger, as skipped when its time has gone. */
const schedule = (sequence: StoredSequence, step: SequenceStep, position: number) =>
  Effect.gen(function* () {
    const whom = yield* reader(sequence)
    const at = yield* scheduledFor(sequence, step)
    const past = DateTime.isLessThan(at, sequence.created_at)
    if (whom !== undefined) {
      yield* (yield* NotificationStore).enlist(
        messages(sequence, step, position, whom).map((message) => ({
          messageId: message.messageId,
          sequenceId: sequence.sequence_id,
          flowId: null,
          eventId: sequence.event_id,
          guestId: whom.guest_id,
          type: step.type,
          template: step.template,
          channel: message.channel,
          priority: step.priority,
          recipient: message.recipient ?? "",
          scheduledAt: at,
          skip: message.recipient === null
            ? `the guest has no address for ${message.channel}`
            : past
            ? `its time, ${DateTime.formatIso(at)}, had passed` :
            null
        }))
      )
    }
    return at
  })

/** What the ledger keeps of a step for someone who is no guest of the event. */
const strangers = (
  sequence: StoredSequence,
  step: SequenceStep,
  position: number
): ReadonlyArray<NewMessage> =>
  channelsOf(sequence, step).map((channel) => ({
    messageId: messageIdOf(sequence.sequence_id, keyOf(step, position), sequence.user_id, channel),
    sequenceId: sequence.sequence_id,
    flowId: null,
    eventId: sequence.event_id,
    guestId: sequence.user_id,
    type: step.type,
    template: step.template,
    channel,
    priority: step.priority,
    recipient: "",
    scheduledAt: null,
    skip: `user ${sequence.user_id} is no guest of event ${sequence.event_id}`
  }))

const send = (sequence: StoredSequence, step: SequenceStep, position: number) =>
  Effect.gen(function* () {
    const current = yield* (yield* SequenceStore).get(sequence.sequence_id)
    const whom = yield* reader(sequence)
    if (Option.isNone(current) || current.value.status !== "running") return { failed: 0, retryable: 0 }
    if (whom === undefined) {
      yield* (yield* NotificationStore).enlist(strangers(sequence, step, position))
      return { failed: 0, retryable: 0 }
    }
    const notifier = yield* Notifier
    return yield* notifier.deliver(
      { flowId: null, sequenceId: sequence.sequence_id },
      messages(sequence, step, position, whom)
    )
  })

/** Runs a sending once in this process, however often its activity is begun. */
export type Sending = <R>(
  id: string,
  work: Effect.Effect<typeof Delivered.Type, never, R>
) => Effect.Effect<typeof Delivered.Type, never, R>

/** One step: due, sent, and sent again as `retry_config` says while a failure may pass. */
export const runStep = Effect.fnUntraced(function* (
  sequence: StoredSequence,
  step: SequenceStep,
  position: number,
  once: Sending
) {
  if (!(yield* due(sequence, step, position))) return
  const { max_retries, retry_delay_seconds }: SequenceRequest["retry_config"] = sequence.config.retry_config
  for (let attempt = 0; attempt <= max_retries; attempt++) {
    const name = `${keyOf(step, position)}/send/${attempt}`
    const { retryable } = yield* Activity.make({
      name,
      success: Delivered,
      // Another step's trigger wakes the sequence and interrupts this one: its next run joins what it had begun.
      execute: once(`${sequence.sequence_id}/${name}`, outlast(send(sequence, step, position)))
    })
    if (retryable === 0 || attempt === max_retries) return
    yield* DurableClock.sleep({ name: `${name}/pause`, duration: Duration.seconds(retry_delay_seconds) })
  }
})
