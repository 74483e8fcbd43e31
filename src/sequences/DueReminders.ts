/** One chunk of a reminder whose time has come. */
import { Effect } from "effect"
import { toGuest } from "../notifications/Message.ts"
import { Notifier } from "../notifications/Notifier.ts"
import { AudienceStore } from "../store/AudienceStore.ts"
import { NotificationStore } from "../store/NotificationStore.ts"

const chunk = 100

/** Sends at most a chunk of what is due; true while more waits. A guest without a live ticket is skipped. */
export const sendDue = (sequenceId: string, type: string) =>
  Effect.gen(function*() {
    const ledger = yield* NotificationStore
    const rows = yield* ledger.due(sequenceId, type, chunk)
    const eventId = rows[0]?.event_id
    if (eventId === undefined) return false
    const audience = yield* AudienceStore
    const readers = yield* audience.guests(eventId, [...new Set(rows.map((row) => row.guest_id))])
    const byGuest = new Map(readers.map((reader) => [reader.guest_id, reader]))
    const hours = Number(/-(\d+)h$/.exec(type)?.[1] ?? 0)
    const coming = rows.flatMap((row) => {
      const reader = byGuest.get(row.guest_id)
      return reader === undefined || reader.ticket_id === null ? [] : [{ ...row, reader }]
    })
    const gone = rows.filter((row) => coming.every(({ message_id }) => message_id !== row.message_id))
    yield* ledger.skip(gone.map((row) => row.message_id), "the guest has no live ticket")
    const messages = coming.map(({ reader, ...row }) =>
      toGuest(reader, {
        messageId: row.message_id,
        type: row.type,
        template: row.template,
        channel: row.channel,
        priority: "normal",
        data: { reminder_hours: hours, include_location: true }
      })
    )
    yield* (yield* Notifier).deliver({ flowId: null, sequenceId }, messages)
    return rows.length === chunk
  })
