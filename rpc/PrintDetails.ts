/** What is printed on tickets and has no place in the documented job: the generator asks the core for it. */
import { Schema, SchemaGetter, Struct } from "effect"
import { JobId, TicketId } from "./values/Ids.ts"
import { Instant, Locale } from "./values/Values.ts"
import { FileKey } from "./values/FileKey.ts"

/** The body of `POST /api/internal/print-details`. */
export const PrintDetailsRequest = Schema.Struct({
  job_id: JobId,
  ticket_ids: Schema.Array(TicketId).check(Schema.isBetweenLength(1, 500))
})
export type PrintDetailsRequest = typeof PrintDetailsRequest.Type

/** Colour of a template, as `#rrggbb`. */
export const Accent = Schema.String.check(
  Schema.isPattern(/^#[0-9a-f]{6}$/, { message: "Expected a colour such as #3b2ad9" })
)

/** What the tickets of an event and a template share. A logo of another `version` is another picture. */
export const Paper = Schema.Struct({
  terms: Schema.NullOr(Schema.String),
  accent: Schema.NullOr(Accent),
  logo: Schema.NullOr(Schema.Struct({ key: FileKey, version: Schema.String }))
})
export type Paper = typeof Paper.Type

/** `locale` is the guest's, `timezone` the event's, an order a complete flow; without a `paper` the template is as it comes. */
export const PrintDetail = Schema.Struct({
  id: TicketId,
  ticket_type: Schema.String,
  seat: Schema.NullOr(Schema.String),
  locale: Locale,
  timezone: Schema.String,
  organizer: Schema.NullOr(Schema.String),
  issued_at: Instant,
  doors_open_at: Schema.optionalKey(Schema.NullOr(Instant)),
  doors_close_at: Schema.optionalKey(Schema.NullOr(Instant)),
  order_id: Schema.optionalKey(Schema.NullOr(Schema.String)),
  paper: Schema.optionalKey(Paper)
})
export type PrintDetail = typeof PrintDetail.Type

/** The answer on the wire: papers once, tickets with the place of theirs. */
const Sheet = Schema.Struct({
  tickets: Schema.Array(Schema.Struct({
    ...Struct.omit(PrintDetail.fields, ["paper"]),
    paper: Schema.optionalKey(Schema.Int)
  })),
  papers: Schema.optionalKey(Schema.Array(Paper))
})

/** The answer: a ticket that is voided or unknown is not in it. Equal papers are sent once. */
export const PrintDetails = Sheet.pipe(
  Schema.decodeTo(Schema.Struct({ tickets: Schema.Array(Schema.toType(PrintDetail)) }), {
    decode: SchemaGetter.transform(({ papers = [], tickets }: typeof Sheet.Type) => ({
      tickets: tickets.map(({ paper: place, ...ticket }) => {
        const paper = place === undefined ? undefined : papers[place]
        return paper === undefined ? ticket : { ...ticket, paper }
      })
    })),
    encode: SchemaGetter.transform(({ tickets }: { readonly tickets: ReadonlyArray<PrintDetail> }) => {
      const papers: Array<Paper> = []
      const places = new Map<string, number>()
      const placed = tickets.map(({ paper, ...ticket }) => {
        if (paper === undefined) return ticket
        const look = JSON.stringify(paper)
        const place = places.get(look) ?? papers.push(paper) - 1
        places.set(look, place)
        return { ...ticket, paper: place }
      })
      return { tickets: placed, papers }
    })
  })
)
export type PrintDetails = typeof PrintDetails.Type
