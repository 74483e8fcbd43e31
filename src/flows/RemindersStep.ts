/** Step 7: the reminders, entered in the ledger with their times; one whose time has gone is kept as skipped. */
import { DateTime, Effect } from "effect"
import type { Reminder } from "../../rpc/CompleteFlow.ts"
import { Reminders } from "../../rpc/NotificationSequence.ts"
import { messageIdOf, recipientOf } from "../notifications/Message.ts"
import { AudienceStore, type Reader } from "../store/AudienceStore.ts"
import { type NewMessage, NotificationStore } from "../store/NotificationStore.ts"
import { type Plan, remindersIdOf } from "./Plan.ts"

const chunk = 500

const typeOf = (reminder: Reminder): string => `${reminder.type}-${reminder.hours_before}h`

const momentOf = (plan: Plan, reminder: Reminder): DateTime.Utc =>
  DateTime.subtract(plan.request.event_data.date, { hours: reminder.hours_before })

const entries = (plan: Plan, now: DateTime.Utc) => (reader: Reader): ReadonlyArray<NewMessage> =>
  plan.request.notification_config.schedule_reminders.flatMap((reminder) =>
    reminder.channels.map((channel): NewMessage => {
      const at = momentOf(plan, reminder)
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

export const remind = (plan: Plan) =>
  Effect.gen(function* () {
    const audience = yield* AudienceStore
    const ledger = yield* NotificationStore
    const now = yield* DateTime.now
    const ids = plan.request.guests.map((guest) => guest.guest_id)
    let scheduled = 0
    let skipped = 0
    for (let at = 0; at < ids.length; at += chunk) {
      const readers = yield* audience.guests(plan.request.event_data.event_id, ids.slice(at, at + chunk))
      const messages = readers.flatMap(entries(plan, now))
      yield* ledger.enlist(messages)
      skipped += messages.filter((message) => message.skip !== null).length
      scheduled += messages.filter((message) => message.skip === null).length
    }
    const ahead = plan.request.notification_config.schedule_reminders
      .map((reminder) => ({ type: typeOf(reminder), at: momentOf(plan, reminder) }))
      .filter(({ at }) => DateTime.isGreaterThan(at, now))
    if (scheduled > 0) {
      yield* Reminders.execute(
        { sequenceId: remindersIdOf(plan.flowId), reminders: ahead },
        { discard: true, detached: true }
      )
    }
    return { scheduled, skipped }
  })

/** Compensation: what is not sent yet is not sent any more. */
export const cancelMessages = (plan: Plan) =>
  Effect.gen(function* () {
    yield* (yield* NotificationStore).cancel({ flowId: plan.flowId })
    return { canceled: true }
  })
