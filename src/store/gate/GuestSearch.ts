/** Guests of an event at its door: by words of their name, by e-mail address, or by order; never a whole list. */
import { Context, Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { PaymentState, TicketStatus } from "../../../rpc/Ticket.ts"
import { EventId } from "../../../rpc/values/Ids.ts"
import * as Rows from "../Rows.ts"

/** Whom a steward looks for, nobody where `sought` says too little; those after `after`, by their number. */
export interface GuestQuery {
  readonly eventId: EventId
  readonly sought: string
  readonly after: number | undefined
  readonly limit: number
}

const Row = Schema.Struct({
  guest_id: Schema.Int,
  name: Schema.String,
  email: Schema.String,
  ticket_type: Schema.String,
  ticket_id: Schema.NullOr(Schema.Int),
  status: Schema.NullOr(TicketStatus),
  payment_state: Schema.NullOr(PaymentState),
  inside: Schema.Boolean,
  first_admitted_at: Rows.AtOrNull,
  first_gate: Schema.NullOr(Schema.String)
})
/** A guest with the live ticket, or the last one. */
export type FoundGuest = typeof Row.Type

/** Small letters without accents: what people type and what is stored are compared so. */
const folded = (text: string): string => text.normalize("NFD").replace(/[\u0300-\u036f]/g, "").toLowerCase()

/** The same in SQL; letters of other scripts have no case or stay as they are stored. */
const foldedColumn = (column: string) =>
  `lower(regexp_replace(normalize(${column}, NFD), '[' || chr(768) || '-' || chr(879) || ']', '', 'g'))`

const escaped = (text: string): string => text.replace(/[\\%_]/g, "\\$&")

/** Words that are compared; more say nothing that these do not. */
const mostWords = 8

/** A shorter text would be a list of guests: so many letters at least, accents and repeated words left out. */
const shortest = 2

/** The words of a name, each once; none when they say too little. */
const wordsOf = (sought: string): ReadonlyArray<string> => {
  const words = [...new Set(folded(sought).split(/\s+/).filter((word) => word !== ""))]
  return words.join("").length < shortest ? [] : words.slice(0, mostWords)
}

export class GuestSearch extends Context.Service<GuestSearch, {
  readonly find: (
    query: GuestQuery
  ) => Effect.Effect<{ readonly guests: ReadonlyArray<FoundGuest>; readonly more: boolean }>
}>()("guichet/store/gate/GuestSearch") {
  static readonly layer: Layer.Layer<GuestSearch, never, SqlClient.SqlClient> = Layer.effect(
    GuestSearch,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient

      /** All of them have to hold; none where nobody is meant. */
      const conditions = (sought: string) => {
        if (sought.length < shortest) return []
        if (/^flow_[\w-]+$/.test(sought)) return [sql`g.flow_id = ${sought}`]
        if (sought.includes("@")) return [sql`lower(g.email) LIKE ${escaped(sought.toLowerCase()) + "%"}`]
        return wordsOf(sought).map((word) =>
          sql`${sql.literal(foldedColumn("g.name"))} LIKE ${`%${escaped(word)}%`}`
        )
      }

      const find = Effect.fn("GuestSearch.find")(function* ({ after, eventId, limit, sought }: GuestQuery) {
        const meant = conditions(sought.trim())
        if (meant.length === 0) return { guests: [], more: false }
        const rows = yield* Rows.all(Row)(sql`
          SELECT g.guest_id, g.name, g.email, g.ticket_type, t.ticket_id, t.status, t.payment_state,
            coalesce(t.inside OR t.let_in > 0, false) AS inside, t.first_admitted_at, t.first_gate
          FROM guests g LEFT JOIN LATERAL (
            SELECT * FROM tickets WHERE event_id = g.event_id AND guest_id = g.guest_id
            ORDER BY voided_at IS NULL DESC, ticket_id DESC LIMIT 1) t ON true
          WHERE ${
          sql.and([
            sql`g.event_id = ${eventId}::bigint`,
            ...(after === undefined ? [] : [sql`g.guest_id > ${after}::bigint`]),
            ...meant
          ])
        }
          ORDER BY g.guest_id LIMIT ${limit + 1}::int`)
        return { guests: rows.slice(0, limit), more: rows.length > limit }
      })

      return GuestSearch.of({ find })
    })
  )
}
