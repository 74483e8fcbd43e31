/** One chunk of a reminder whose time has come. */
import { Effect, Schema } from "effect"
import { recipientOf, toGuest } from "../notifications/Message.ts"
import { Notifier } from "../notifications/Notifier.ts"
import { AudienceStore } from "../store/AudienceStore.ts"
import { NotificationStore } from "../store/NotificationStore.ts"

const chunk = 100

/** How far a round is: the id to go on after, or null at its end; and how many failures may pass. */
export const Round = Schema.Struct({ last: Schema.NullOr(Schema.String), retryable: Schema.Int })

/** Sends at most a chunk of what is due. A guest without a live ticket or without an address is skipped. */
export const sendDue = (sequenceId: string, type: string, after: string) =>
  Effect.gen(function* () {
    const ledger = yield* NotificationStore
    const rows = yield* ledger.due(sequenceId, type, { after, limit: chunk })
    const eventId = rows[0]?.event_id
    if (eventId === undefined) return { last: null, retryable: 0 }
    const audience = yield* AudienceStore
    const readers = yield* audience.guests(eventId, [...new Set(rows.map((row) => row.guest_id))])
    const byGuest = new Map(readers.map((reader) => [reader.guest_id, reader]))
    const hours = Number(/-(\d+)h$/.exec(type)?.[1] ?? 0)
    const coming = rows.flatMap((row) => {
      const reader = byGuest.get(row.guest_id)
      return reader === undefined || reader.ticket_id === null || recipientOf(reader, row.channel) === null
        ? []
        : [{ ...row, reader }]
    })
    const gone = rows.filter((row) => coming.every(({ message_id }) => message_id !== row.message_id))
    yield* ledger.skip(
      gone.map((row) => row.message_id),
      "the guest has no live ticket, or no address any more"
    )
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
    const { retryable } = yield* (yield* Notifier).deliver({ flowId: null, sequenceId }, messages)
    return { last: rows.length === chunk ? rows[chunk - 1]!.message_id : null, retryable }
  })
