/** The journal of an event's scans over HTTP: its lines, its pages, and the place between two of them. */
import { Schema, SchemaGetter } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { EventNumber, TicketId } from "../../../rpc/values/Ids.ts"
import { Direction, ScanResult, Signal } from "../../../rpc/Scan.ts"
import { Instant, Label } from "../../../rpc/values/Values.ts"
import { Authorization } from "../rules/Authorization.ts"
import { Forbidden, InvalidRequest, NotFound } from "../../http/Problems.ts"
import { ProblemMiddleware, strictParsing } from "../../http/ProblemMiddleware.ts"

/** `desc` begins with the latest scan. */
export const Order = Schema.Literals(["asc", "desc"])

const place = /^(asc|desc) ([1-9]\d{0,15})$/

const read = (text: string) => place.exec(Buffer.from(text, "base64url").toString("latin1"))

/** After which scan a page begins, and in which order its journal is read: opaque to clients, and no secret. */
export const Cursor = Schema.String.check(
  Schema.isMaxLength(64),
  Schema.makeFilter((text: string) => read(text) !== null || "Expected a next_cursor of this journal")
).pipe(
  Schema.decodeTo(Schema.Struct({ order: Order, seq: Schema.Int }), {
    decode: SchemaGetter.transform((text: string) => {
      const [, order, seq] = read(text)!
      return { order: order as typeof Order.Type, seq: Number(seq) }
    }),
    encode: SchemaGetter.transform(({ order, seq }: { readonly order: string; readonly seq: number }) =>
      Buffer.from(`${order} ${seq}`, "latin1").toString("base64url")
    )
  })
)

/** Which page, and which lines; a line must fit every filter. */
export const JournalQuery = {
  limit: Schema.optionalKey(
    Schema.FiniteFromString.check(Schema.isInt(), Schema.isBetween({ minimum: 1, maximum: 500 }))
  ),
  cursor: Schema.optionalKey(Cursor),
  order: Schema.optionalKey(Order),
  result: Schema.optionalKey(ScanResult),
  gate: Schema.optionalKey(Label),
  device_id: Schema.optionalKey(Label),
  ticket_id: Schema.optionalKey(TicketId),
  signal: Schema.optionalKey(Signal)
}

/**
 * One scan. `ticket_code` is the code of a ticket of this event, never merely what was scanned: that may be a ticket of
 * another organiser. `annulled_by` is the token's subject, `annul_operator` and `annul_reason` what the device said;
 * `annul_supervised` is there when a supervisor annulled it. `let_in` says that somebody came in although the result is a
 * refusal; `let_in_reason` is the supervisor's.
 */
export const JournalLine = Schema.Struct({
  scan_id: Schema.String,
  seq: Schema.Int,
  ticket_id: Schema.NullOr(TicketId),
  ticket_code: Schema.NullOr(Schema.String),
  gate: Schema.String,
  direction: Direction,
  result: ScanResult,
  signals: Schema.Array(Signal),
  device_id: Schema.String,
  operator_id: Schema.String,
  claimed_result: Schema.NullOr(Schema.String),
  source: Schema.String,
  device_time: Schema.NullOr(Instant),
  received_at: Instant,
  annulled_at: Schema.NullOr(Instant),
  annulled_by: Schema.NullOr(Schema.String),
  annul_operator: Schema.NullOr(Schema.String),
  annul_reason: Schema.NullOr(Schema.String),
  annul_supervised: Schema.optionalKey(Schema.Boolean),
  let_in: Schema.optionalKey(Schema.Boolean),
  let_in_reason: Schema.optionalKey(Schema.String)
})

/** `next_cursor` is null on the last page. */
export const JournalPage = Schema.Struct({
  event_id: EventNumber,
  scans: Schema.Array(JournalLine),
  next_cursor: Schema.NullOr(Schema.String)
})

export class JournalGroup extends HttpApiGroup.make("journal").add(
  HttpApiEndpoint.get("scans", "/events/:event_id/scans", {
    params: { event_id: EventNumber },
    query: JournalQuery,
    success: HttpApiSchema.WithHeaders(JournalPage, { link: Schema.optionalKey(Schema.String) }),
    error: [Forbidden, InvalidRequest, NotFound]
  }).annotateMerge(OpenApi.annotations({ summary: "Every scan of an event, refusals included, in pages" }))
)
  .middleware(ProblemMiddleware)
  .middleware(Authorization)
  .annotateMerge(strictParsing)
  .annotateMerge(OpenApi.annotations({
    title: "Journal",
    description: "What the gates of an event were shown and what they answered."
  })) {}
