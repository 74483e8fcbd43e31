/** Where a device stands in the changes of an event's tickets, as the text that it sends back. */
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import { EventId } from "../../../rpc/values/Ids.ts"

const digits = /^\d{1,19}$/

/**
 * After the changes up to `ticketId` of transaction `changedIn`, and after the scans up to `seq` in the event's journal,
 * in the database `origin`. `floor` is where the round after this one begins, null between two rounds. `mark` distinguishes
 * the scan at `seq` from another one of that number; a cursor from before there was a `seq` has none, and begins anew.
 */
const Place = Schema.Struct({
  eventId: EventId,
  origin: Schema.String,
  changedIn: Schema.String.check(Schema.isPattern(digits)),
  ticketId: Schema.Int,
  floor: Schema.NullOr(Schema.String.check(Schema.isPattern(digits))),
  seq: Schema.NullOr(Schema.Int),
  mark: Schema.String.check(Schema.isPattern(/^(?:[0-9a-f]{12})?$/))
})
export type OfflineCursor = typeof Place.Type

const pattern =
  /^(\d{1,16}) ([0-9a-f]{16}) (\d{1,19}) (\d{1,15}) (\d{1,19})?(?: (\d{1,15}) ([0-9a-f]{12})?)?$/

const read = (text: string) => pattern.exec(Buffer.from(text, "base64url").toString("latin1"))

/** Opaque to devices, and no secret. */
export const OfflineCursor = Schema.String.check(
  Schema.isMaxLength(160),
  Schema.makeFilter((text: string) => read(text) !== null || "Expected a cursor of an offline bundle")
).pipe(
  Schema.decodeTo(Place, {
    decode: SchemaGetter.transform((text: string) => {
      const [, eventId, origin, changedIn, ticketId, floor, seq, mark] = read(text)!
      return {
        eventId: Number(eventId),
        origin: origin!,
        changedIn: changedIn!,
        ticketId: Number(ticketId),
        floor: floor ?? null,
        seq: seq === undefined ? null : Number(seq),
        mark: mark ?? ""
      }
    }),
    encode: SchemaGetter.transform((
      { changedIn, eventId, floor, mark, origin, seq, ticketId }: OfflineCursor
    ) =>
      Buffer.from([eventId, origin, changedIn, ticketId, floor ?? "", seq ?? 0, mark].join(" "), "latin1")
        .toString(
          "base64url"
        )
    )
  })
)
