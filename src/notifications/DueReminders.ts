/** One chunk of a reminder whose time has come. */
import { DateTime, Effect, Schema } from "effect"
import { type Message, recipientOf, toGuest } from "./Message.ts"
import { Notifier } from "./Notifier.ts"
import { AudienceStore, type Reader } from "../store/notifications/AudienceStore.ts"
import { EventStore } from "../store/EventStore.ts"
import { NotificationStore } from "../store/notifications/NotificationStore.ts"
import type { Due } from "../store/notifications/NotificationRows.ts"
import { hoursLeft, obstacle, type Standing } from "./Reminder.ts"

const chunk = 100

/** How far a round is: the id to go on after, or null at its end; and how many failures may pass. */
export const Round = Schema.Struct({ last: Schema.NullOr(Schema.String), retryable: Schema.Int })

/** Why a reminder is not sent to this reader; null when nothing speaks against it. */
const against = (row: Due, reader: Reader | undefined, event: Standing, hours: number, now: DateTime.Utc) =>
  obstacle(event, hours, reader?.ticket_id ?? null, now) ??
    (reader === undefined || recipientOf(reader, row.channel) === null
      ? `the guest has no address for ${row.channel}`
      : null)

const readersOf = Effect.fnUntraced(function* (rows: ReadonlyArray<Due>) {
  const audience = yield* AudienceStore
  const readers = yield* Effect.forEach(
    Map.groupBy(rows, (row) => row.event_id),
    ([eventId, own]) => audience.guests(eventId, [...new Set(own.map((row) => row.guest_id))])
  )
  return new Map(readers.flat().map((reader) => [`${reader.event_id} ${reader.guest_id}`, reader]))
})

const reminder = ({ reader, ...row }: Due & { readonly reader: Reader }, hours: number): Message =>
  toGuest(reader, {
    messageId: row.message_id,
    type: row.type,
    template: row.template,
    channel: row.channel,
    priority: "normal",
    data: { reminder_hours: hours, include_location: true }
  })

/** Reminders made anew, for those of these lines whose guest and event are there. */
export const dueMessages = Effect.fnUntraced(function* (rows: ReadonlyArray<Due>) {
  const readers = yield* readersOf(rows)
  const now = yield* DateTime.now
  return rows.flatMap((row) => {
    const reader = readers.get(`${row.event_id} ${row.guest_id}`)
    return reader === undefined ? [] : [reminder({ ...row, reader }, hoursLeft(reader, now))]
  })
})

/** Sends at most a chunk of what is due; what must not be sent any more is skipped, with the reason. */
export const sendDue = (sequenceId: string, type: string, after: string) =>
  Effect.gen(function* () {
    const ledger = yield* NotificationStore
    const rows = yield* ledger.due(sequenceId, type, { after, limit: chunk })
    const eventId = rows[0]?.event_id
    if (eventId === undefined) return { last: null, retryable: 0 }
    const event = yield* Effect.orDie(
      Effect.flatMap((yield* EventStore).standing(eventId), Effect.fromOption)
    )
    const readers = yield* readersOf(rows)
    const now = yield* DateTime.now
    const hours = Number(/-(\d+)h$/.exec(type)?.[1] ?? 0)
    const coming: Array<Due & { readonly reader: Reader }> = []
    const gone = new Map<string, Array<string>>()
    for (const row of rows) {
      const reader = readers.get(`${row.event_id} ${row.guest_id}`)
      const reason = against(row, reader, event, hours, now)
      if (reason === null) coming.push({ ...row, reader: reader! })
      else gone.set(reason, [...gone.get(reason) ?? [], row.message_id])
    }
    yield* Effect.forEach(gone, ([reason, ids]) => ledger.skip(ids, reason), { discard: true })
    const messages = coming.map((row) => reminder(row, hoursLeft(event, now)))
    const { retryable } = yield* (yield* Notifier).deliver({ flowId: null, sequenceId }, messages)
    return { last: rows.length === chunk ? rows[chunk - 1]!.message_id : null, retryable }
  })
