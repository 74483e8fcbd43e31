/**
 * The variables of flow 5, read leniently: what is unknown, empty, too long or of the wrong type is left
 * out.
 */
import { Effect, Schema, SchemaGetter } from "effect"
import { limited } from "../../../../rpc/values/Values.ts"

/** One clean line: no control or bidirectional-override characters, single spaces, at most 300 characters. */
export const oneLine = (text: string): string =>
  text.replace(/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]+/gu, " ").replace(/ {2,}/g, " ").trim().slice(
    0,
    300
  )

const Line = Schema.Union([Schema.String, Schema.Finite]).pipe(
  Schema.decodeTo(Schema.NonEmptyString, {
    decode: SchemaGetter.transform((value) => oneLine(String(value))),
    encode: SchemaGetter.transform((text) => text)
  })
)

const WebAddress = limited(2_000, Schema.isPattern(/^https?:\/\/[^\s<>"'\\]+$/))

const Count = Schema.Union([Schema.Finite, Schema.FiniteFromString])

const lenient = <S extends Schema.Constraint>(schema: S) =>
  Schema.optionalKey(schema).pipe(Schema.catchDecoding(() => Effect.succeedNone))

/** `amount` is in major units, as flow 5 shows it (99.99); `amount_text` is the same, already formatted. */
export const Variables = Schema.Struct({
  locale: lenient(Line),
  first_name: lenient(Line),
  event_id: lenient(Line),
  event_uid: lenient(Line),
  event_name: lenient(Line),
  event_date: lenient(Line),
  event_end_date: lenient(Line),
  event_timezone: lenient(Line),
  event_location: lenient(Line),
  event_version: lenient(Count),
  organizer_name: lenient(Line),
  ticket_code: lenient(Line),
  ticket_url: lenient(WebAddress),
  amount: lenient(Count),
  amount_text: lenient(Line),
  currency: lenient(Schema.String.check(Schema.isPattern(/^[A-Za-z]{3}$/))),
  invoice_number: lenient(Line),
  invoice_url: lenient(WebAddress),
  reminder_hours: lenient(Count),
  unsubscribe_url: lenient(WebAddress),
  include_location: lenient(Schema.Boolean),
  include_qr: lenient(Schema.Boolean),
  include_pdf: lenient(Schema.Boolean)
})
export type Variables = typeof Variables.Type

/** Never fails on a record: every field falls back to absent. */
export const decode = Schema.decodeUnknownEffect(Variables)
