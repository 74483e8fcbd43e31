/** Step 7: the reminders, entered in the ledger with their times; one whose time has gone is kept as skipped. */
import { DateTime, Effect, Option } from "effect"
import type { Reminder } from "../../rpc/CompleteFlow.ts"
import { type ReminderPlan, Reminders } from "../../rpc/NotificationSequence.ts"
import { messageIdOf, recipientOf } from "../notifications/Message.ts"
import { AudienceStore, type Reader } from "../store/notifications/AudienceStore.ts"
import { momentOf } from "../notifications/Reminder.ts"
import { NotificationStore } from "../store/notifications/NotificationStore.ts"
import type { NewMessage } from "../store/notifications/NotificationRows.ts"
import { SequenceStore } from "../store/notifications/SequenceStore.ts"
import { type Plan, remindersIdOf } from "./Plan.ts"

const chunk = 500

const typeOf = (reminder: Reminder): string => `${reminder.type}-${reminder.hours_before}h`

const entries = (plan: Plan, now: DateTime.Utc) => (reader: Reader): ReadonlyArray<NewMessage> =>
  plan.request.notification_config.schedule_reminders.flatMap((reminder) =>
    reminder.channels.map((channel): NewMessage => {
      const at = momentOf(plan.request.event_data.date, reminder.hours_before)
      const recipient = recipientOf(reader, channel)
      return {
        messageId: messageIdOf(plan.flowId, typeOf(reminder), reader.guest_id, channel),
        sequenceId: remindersIdOf(plan.flowId),
        flowId: plan.flowId,
        eventId: reader.event_id,
        guestId: reader.guest_id,
        type: typeOf(reminder),
        template: reminder.type,
        channel,
        priority: "normal",
        recipient: recipient ?? "",
        scheduledAt: at,
        skip: recipient === null
          ? `the guest has no address for ${channel}`
          : DateTime.isLessThanOrEqualTo(at, now)
          ? `its time, ${DateTime.formatIso(at)}, had passed`
          : null
      }
    })
  )

/** Two reminders of one type and time, over a channel each, are one. */
const planOf = (plan: Plan): ReminderPlan => ({
  reminders: [
    ...new Map(
      plan.request.notification_config.schedule_reminders.map((reminder) => [typeOf(reminder), reminder])
    )
  ].map(([type, { hours_before }]) => ({ type, hours_before }))
})

export const remind = (plan: Plan) =>
  Effect.gen(function* () {
    const audience = yield* AudienceStore
    const ledger = yield* NotificationStore
    const sequences = yield* SequenceStore
    const sequenceId = remindersIdOf(plan.flowId)
    const now = yield* DateTime.now
    const ids = plan.request.guests.map((guest) => guest.guest_id)
    const reminders = planOf(plan)
    if (reminders.reminders.length === 0) return { scheduled: 0, skipped: 0 }
    const messagesOf = (at: number) =>
      Effect.map(
        audience.guests(plan.eventId, ids.slice(at, at + chunk)),
        (readers) => readers.flatMap(entries(plan, now))
      )
    const first = yield* messagesOf(0)
    const isOver = ids.length <= chunk && first.every((message) => message.skip !== null)
    const isNew = yield* sequences.acceptReminders({
      sequenceId,
      executionId: yield* Reminders.executionId({ sequenceId }),
      owner: plan.owner,
      eventId: plan.eventId,
      plan: reminders,
      isOver
    })
    let scheduled = 0
    let skipped = 0
    for (let at = 0; at < ids.length; at += chunk) {
      const messages = at === 0 ? first : yield* messagesOf(at)
      yield* ledger.enlist(messages)
      skipped += messages.filter((message) => message.skip !== null).length
      scheduled += messages.filter((message) => message.skip === null).length
    }
    if (scheduled === 0) {
      if (!isOver || !isNew) yield* sequences.finish(sequenceId, "completed")
      return { scheduled, skipped }
    }
    const stored = yield* sequences.get(sequenceId)
    if (Option.isSome(stored) && stored.value.status === "canceled") yield* ledger.cancel({ sequenceId })
    yield* Reminders.execute({ sequenceId }, { discard: true, detached: true })
    return { scheduled, skipped }
  })

/** Compensation: what is not sent yet is not sent any more. */
export const cancelMessages = (plan: Plan) =>
  Effect.gen(function* () {
    yield* (yield* SequenceStore).finish(remindersIdOf(plan.flowId), "canceled")
    yield* (yield* NotificationStore).cancel({ flowId: plan.flowId })
    return { canceled: true }
  })
