/** Who a message is for: a guest with the event and the live ticket that the message speaks of. */
import { Context, DateTime, Effect, Layer, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { EventStatus } from "../../../rpc/Event.ts"
import { Locale } from "../../../rpc/values/Values.ts"
import { currentLink, FileLinks } from "../../files/FileLinks.ts"
import { numberOf } from "../EventNumbers.ts"
import * as Rows from "../Rows.ts"
import { EventId, EventNumber } from "../../../rpc/values/Ids.ts"

const Row = Schema.Struct({
  event_id: EventId,
  event_number: EventNumber,
  title: Schema.String,
  starts_at: Rows.At,
  timezone: Schema.String,
  location: Schema.String,
  owner: Schema.String,
  event_status: Schema.optionalKey(EventStatus),
  organizer: Schema.optionalKey(Schema.NullOr(Schema.String)),
  guest_id: Schema.Int,
  name: Schema.String,
  email: Schema.String,
  phone: Schema.NullOr(Schema.String),
  locale: Locale,
  ticket_id: Schema.NullOr(Schema.Int),
  code: Schema.NullOr(Schema.String),
  file_key: Schema.NullOr(Schema.String),
  file_url: Schema.NullOr(Schema.String),
  qr_key: Schema.NullOr(Schema.String),
  qr_url: Schema.NullOr(Schema.String),
  qr_data: Schema.NullOr(Schema.String),
  flow_id: Schema.NullOr(Schema.String)
})
/**
 * One reader of a message; the links open from now on. `qr_data` is the live ticket's, whatever became of its files;
 * `qr_url` is there once a QR code was stored, when that is an image and not its text.
 */
export type Reader = typeof Row.Type

export class AudienceStore extends Context.Service<AudienceStore, {
  /** The readers among these guests of an event, in order of guest id. */
  readonly guests: (eventId: EventId, guestIds: ReadonlyArray<number>) => Effect.Effect<ReadonlyArray<Reader>>
  /** Corrects where a guest is reached, and answers whether there is one; what is not given stays. */
  readonly correct: (
    eventId: EventId,
    guestId: number,
    address: { readonly email?: string; readonly phone?: string | null }
  ) => Effect.Effect<boolean>
  /** The guest of a ticket, as long as that is live. */
  readonly holder: (ticketId: number) => Effect.Effect<Option.Option<Reader>>
}>()("guichet/store/notifications/AudienceStore") {
  static readonly layer = Layer.effect(
    AudienceStore,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const links = yield* FileLinks
      const columns = sql.literal(
        `e.event_id, ${
          numberOf("e.event_id")
        } AS event_number, e.title, e.starts_at, e.timezone, e.location, e.owner, e.status AS event_status, e.organizer, g.guest_id, g.name, g.email, g.phone,
         g.locale, t.flow_id, t.ticket_id, t.code, t.file_key, t.file_url, t.qr_key, t.qr_url,
         t.qr_data`
      )
      const current = Effect.fnUntraced(function* (reader: Reader) {
        const eventAt = DateTime.toDateUtc(reader.starts_at)
        const isText = reader.qr_key?.endsWith(".txt") === true
        return {
          ...reader,
          file_url: yield* currentLink(links, reader.file_key, reader.file_url, eventAt),
          qr_url: isText ? null : yield* currentLink(links, reader.qr_key, reader.qr_url, eventAt)
        }
      })
      const guests: AudienceStore["Service"]["guests"] = (eventId, guestIds) =>
        Effect.flatMap(
          Rows.all(Row)(sql`
          SELECT ${columns} FROM guests g JOIN events e USING (event_id)
          LEFT JOIN tickets t ON t.event_id = g.event_id AND t.guest_id = g.guest_id AND t.voided_at IS NULL
          WHERE g.event_id = ${eventId}::bigint AND g.guest_id = ANY(${Rows.bigints(guestIds)}::bigint[])
          ORDER BY g.guest_id`),
          Effect.forEach(current)
        )
      const holder: AudienceStore["Service"]["holder"] = (ticketId) =>
        Effect.flatMap(
          Rows.first(Row)(sql`
          SELECT ${columns} FROM tickets t JOIN guests g USING (event_id, guest_id) JOIN events e USING (event_id)
          WHERE t.ticket_id = ${ticketId}::bigint AND t.voided_at IS NULL`),
          Option.match({
            onNone: () => Effect.succeedNone,
            onSome: (reader) => Effect.asSome(current(reader))
          })
        )
      const correct: AudienceStore["Service"]["correct"] = (eventId, guestId, address) =>
        Effect.map(
          Rows.all(Schema.Struct({ guest_id: Schema.Int }))(sql`
            UPDATE guests SET email = coalesce(${address.email ?? null}, email),
              phone = CASE WHEN ${address.phone !== undefined}::boolean THEN ${
            address.phone ?? null
          }::text ELSE phone END
            WHERE event_id = ${eventId}::bigint AND guest_id = ${guestId}::bigint RETURNING guest_id`),
          (rows) => rows.length > 0
        )
      return { guests, correct, holder }
    })
  )
}
