/** The parts of a notification sequence: when a step is due, whom it reaches, how it is tried again. */
import { DateTime, Duration, Effect, Option, Schema } from "effect"
import { Activity, DurableDeferred } from "effect/workflow"
import {
  type SequenceRequest,
  type SequenceStep,
  subjectOf,
  triggered,
  type WaitingStep
} from "../../rpc/NotificationSequence.ts"
import { retryTransient } from "../durable/Retry.ts"
import { type Message, messageIdOf, toGuest } from "./Message.ts"
import { Notifier } from "./Notifier.ts"
import { AudienceStore, type Reader } from "../store/notifications/AudienceStore.ts"
import { EventStore } from "../store/EventStore.ts"
import { NotificationStore } from "../store/notifications/NotificationStore.ts"
import type { NewMessage } from "../store/notifications/NotificationRows.ts"
import { SequenceStore, type Stored, type StoredSequence } from "../store/notifications/SequenceStore.ts"
import * as ParallelBranches from "../durable/ParallelBranches.ts"
import { hoursLeft, momentOf, obstacle, waitFor } from "./Reminder.ts"

export const Delivered = Schema.Struct({ failed: Schema.Int, retryable: Schema.Int })

/** How long after its event a sequence still waits for what has not happened. */
export const patienceDays = 7

/** How long before the event a step is due that says so. */
export const reminderHours = ({ data }: SequenceStep): number | null =>
  typeof data["reminder_hours"] === "number" ? data["reminder_hours"] : null

/** Names a step within its sequence: the same type may occur twice. */
export const keyOf = (step: SequenceStep, position: number): string => `${position + 1}-${step.type}`

const channelsOf = (sequence: StoredSequence, step: SequenceStep) =>
  step.channels.filter((channel) => sequence.config.channels.includes(channel))

/** The steps of a running sequence of which none of these messages is. */
export const waitingSteps = (
  sequence: Stored,
  messageIds: ReadonlyArray<string>
): ReadonlyArray<WaitingStep> =>
  sequence.user_id === null || sequence.status !== "running"
    ? []
    : sequence.config.notification_sequence.flatMap((step, position) => {
      const ids = new Set(idsOf(sequence, step, position))
      const { delay_seconds, template, trigger, type } = step
      return messageIds.some((id) => ids.has(id))
        ? []
        : [{ type, template, trigger, delay_seconds, channels: channelsOf(sequence, step) }]
    })

const messages = (
  sequence: StoredSequence,
  step: SequenceStep,
  position: number,
  reader: Reader,
  data: SequenceStep["data"] = step.data
) =>
  channelsOf(sequence, step).map((channel): Message =>
    toGuest(reader, {
      messageId: messageIdOf(sequence.sequence_id, keyOf(step, position), reader.guest_id, channel),
      type: step.type,
      template: step.template,
      channel,
      priority: step.priority,
      data
    })
  )

/** All messages of a sequence, made anew, as far as its user is a guest. */
export const stepMessages = Effect.fnUntraced(function* (sequence: StoredSequence) {
  const whom = yield* reader(sequence)
  const now = yield* DateTime.now
  return whom === undefined ? [] : sequence.config.notification_sequence.flatMap((step, position) =>
    messages(
      sequence,
      step,
      position,
      whom,
      subjectOf[step.template] === "event"
        ? { ...step.data, reminder_hours: hoursLeft(whom, now) }
        : step.data
    )
  )
})

const reader = Effect.fnUntraced(function* (sequence: StoredSequence) {
  return (yield* (yield* AudienceStore).guests(sequence.event_id, [sequence.user_id]))[0]
})

/** Whether nobody has ended the sequence since it was read. */
const goesOn = Effect.fnUntraced(function* (sequence: StoredSequence) {
  const current = yield* (yield* SequenceStore).get(sequence.sequence_id)
  return Option.isSome(current) && current.value.status === "running"
})

/** The moment a `scheduled` step is due: `data.reminder_hours` before the event, else `delay_seconds` from now. */
const scheduledFor = Effect.fnUntraced(function* (sequence: StoredSequence, step: SequenceStep) {
  const hours = reminderHours(step)
  const event = yield* (yield* EventStore).standing(sequence.event_id)
  return hours !== null && Option.isSome(event)
    ? momentOf(event.value.starts_at, hours)
    : DateTime.add(sequence.created_at, { seconds: step.delay_seconds })
})

/** Waits until the step is due; false when it must not be sent any more. */
const due = Effect.fnUntraced(function* (sequence: StoredSequence, step: SequenceStep, position: number) {
  const name = keyOf(step, position)
  if (step.trigger !== "scheduled") {
    const woken = yield* DurableDeferred.await(triggered(step.trigger))
    if (woken === "over") {
      const reason = `${step.trigger} had not come ${patienceDays} days after the event`
      yield* Activity.make({
        name: `${name}/over`,
        execute: retryTransient(leaveOut(sequence, step, position, reason))
      })
      return false
    }
    if (step.delay_seconds > 0) {
      yield* ParallelBranches.sleep(`${name}/delay`, Duration.seconds(step.delay_seconds))
    }
    return true
  }
  const at = yield* Activity.make({
    name: `${name}/schedule`,
    success: Schema.DateTimeUtc,
    execute: retryTransient(schedule(sequence, step, position))
  })
  const hours = reminderHours(step)
  if (hours !== null) {
    yield* waitFor(
      { eventId: sequence.event_id, hours, name },
      (at) =>
        Effect.flatMap(
          NotificationStore,
          (ledger) => ledger.reschedule({ messageIds: idsOf(sequence, step, position) }, at)
        )
    )
    return true
  }
  const left = DateTime.distance(yield* DateTime.now, at)
  if (Duration.toMillis(left) > 0) yield* ParallelBranches.sleep(`${name}/delay`, left)
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
      if (!(yield* goesOn(sequence))) {
        yield* (yield* NotificationStore).cancel({ sequenceId: sequence.sequence_id })
      }
    }
    return at
  })

const idsOf = (sequence: StoredSequence, step: SequenceStep, position: number): ReadonlyArray<string> =>
  channelsOf(sequence, step).map((channel) =>
    messageIdOf(sequence.sequence_id, keyOf(step, position), sequence.user_id, channel)
  )

/** Keeps a step that is not sent in the ledger, with the reason, whether it was scheduled before or not. */
const leaveOut = Effect.fnUntraced(function* (
  sequence: StoredSequence,
  step: SequenceStep,
  position: number,
  reason: string
) {
  const ledger = yield* NotificationStore
  const ids = idsOf(sequence, step, position)
  yield* ledger.enlist(
    channelsOf(sequence, step).map((channel, at): NewMessage => ({
      messageId: ids[at]!,
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
      skip: reason
    }))
  )
  yield* ledger.skip(ids, reason)
})

/** What a step that is due now says to whom, or what speaks against it. */
const outlook = Effect.fnUntraced(function* (sequence: StoredSequence, step: SequenceStep) {
  const whom = yield* reader(sequence)
  if (whom === undefined) {
    return { against: `user ${sequence.user_id} is no guest of event ${sequence.event_number}` }
  }
  const event = yield* (yield* EventStore).standing(sequence.event_id)
  if (subjectOf[step.template] !== "event" || Option.isNone(event)) return { whom, data: step.data }
  const now = yield* DateTime.now
  const against = obstacle(event.value, reminderHours(step) ?? 0, whom.ticket_id, now)
  if (against !== null) return { against }
  return { whom, data: { ...step.data, reminder_hours: hoursLeft(event.value, now) } }
})

const send = (sequence: StoredSequence, step: SequenceStep, position: number) =>
  Effect.gen(function* () {
    if (!(yield* goesOn(sequence))) return { failed: 0, retryable: 0 }
    const found = yield* outlook(sequence, step)
    if ("against" in found) {
      yield* leaveOut(sequence, step, position, found.against)
      return { failed: 0, retryable: 0 }
    }
    const notifier = yield* Notifier
    return yield* notifier.deliver(
      { flowId: null, sequenceId: sequence.sequence_id },
      messages(sequence, step, position, found.whom, found.data)
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
      execute: once(`${sequence.sequence_id}/${name}`, retryTransient(send(sequence, step, position)))
    })
    if (retryable === 0 || attempt === max_retries) return
    yield* ParallelBranches.sleep(`${name}/pause`, Duration.seconds(retry_delay_seconds))
  }
})
