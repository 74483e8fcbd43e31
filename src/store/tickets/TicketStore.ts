/** Tickets: issued once a guest, voided once, and the files the generator made of them. */
import { Context, DateTime, Effect, Layer, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { type GeneratedTicket, TicketNotFound } from "../../../rpc/Ticket.ts"
import { QrData } from "../../trust/QrData.ts"
import { SigningKeys } from "../../trust/SigningKeys.ts"
import { TicketCode } from "../../../rpc/values/TicketCode.ts"
import { adoptable } from "../payments/PaymentClaims.ts"
import { numberOf } from "../EventNumbers.ts"
import * as Rows from "../Rows.ts"
import * as TicketReports from "./TicketReports.ts"
import { JobTicketRow, OwnerRow, TicketRow } from "./TicketRows.ts"
import { type EventId, EventNumber } from "../../../rpc/values/Ids.ts"

/** Who gets a ticket, and why: `paymentState` and `flowId` are kept on tickets that this call makes. */
export interface IssueRequest {
  readonly eventId: EventId
  readonly flowId: string | null
  readonly templateId: number
  readonly guestIds: ReadonlyArray<number>
  readonly paymentState: TicketRow["payment_state"]
}

const WantedRow = Schema.Struct({
  guest_id: Schema.Int,
  ticket_type: Schema.String,
  ticket_id: Schema.NullOr(Schema.Int)
})
const CountRow = Schema.Struct({ count: Schema.Int })
const NumberRow = Schema.Struct({ number: EventNumber })
const IdRow = Schema.Struct({ ticket_id: Schema.Int })

/** Every read and write of tickets outside of the gate. */
export class TicketStore extends Context.Service<TicketStore, {
  /** The live tickets of these guests, in their order, made where there were none; strangers get none. */
  readonly issue: (request: IssueRequest) => Effect.Effect<ReadonlyArray<number>>
  /** Makes the guests' live tickets this flow's where nobody has paid them and no running flow may still be. */
  readonly adopt: (request: Omit<IssueRequest, "templateId">) => Effect.Effect<void>
  /** How many of these guests have a live ticket that waits for another flow's payment. */
  readonly claimed: (
    eventId: EventId,
    flowId: string,
    guestIds: ReadonlyArray<number>
  ) => Effect.Effect<number>
  /** How many of these guests have no free ticket and none that another flow's payment settled. */
  readonly unsettled: (
    eventId: EventId,
    flowId: string,
    guestIds: ReadonlyArray<number>
  ) => Effect.Effect<number>
  /** As it is stored: the addresses of our own files are made anew for whoever reads them (`currentLink`). */
  readonly get: (ticketId: number) => Effect.Effect<TicketRow, TicketNotFound>
  /** Voids what a flow issued; answers how many were still live. */
  readonly voidFlow: (flowId: string, reason: string) => Effect.Effect<number>
  /**
   * Stores the files of what was generated, and archives the last report of a success and the last of a failure. Of two
   * renderings the later one stays; a file that a report does not name stays too, and an earlier report still fills in what is missing. A file's address and its key go together:
   * a new address without a key is not that of the file whose key was stored.
   */
  readonly generated: (
    tickets: ReadonlyArray<GeneratedTicket>,
    generatedAt: DateTime.Utc
  ) => Effect.Effect<void>
  /** What the generator gets of the tickets that are live, in the order asked for. */
  readonly forJob: (ticketIds: ReadonlyArray<number>) => Effect.Effect<ReadonlyArray<JobTicketRow>>
  /** Event, organiser and state of each ticket that exists. */
  readonly owners: (ticketIds: ReadonlyArray<number>) => Effect.Effect<ReadonlyArray<OwnerRow>>
}>()("guichet/store/tickets/TicketStore") {
  static readonly layer: Layer.Layer<TicketStore, never, SqlClient.SqlClient | SigningKeys> = Layer.effect(
    TicketStore,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const keys = yield* SigningKeys

      const asked = Rows.asked(sql)
      const number = sql.literal(numberOf("t.event_id"))

      const wanted = ({ eventId, guestIds }: IssueRequest) =>
        Rows.all(WantedRow)(sql`
          SELECT g.guest_id, g.ticket_type, t.ticket_id
          FROM ${asked(guestIds)}
          JOIN guests g ON g.event_id = ${eventId} AND g.guest_id = asked.id
          LEFT JOIN tickets t ON t.event_id = g.event_id AND t.guest_id = g.guest_id AND t.voided_at IS NULL
          ORDER BY asked.position`)

      const reserve = (count: number) =>
        Rows.all(IdRow)(sql`
          SELECT nextval(pg_get_serial_sequence('tickets', 'ticket_id')) AS ticket_id
          FROM generate_series(1, ${count}::int)`)

      const numberOfEvent = (eventId: EventId) =>
        Effect.orDie(Effect.flatMap(
          Rows.first(NumberRow)(sql`SELECT number FROM event_numbers WHERE event_id = ${eventId}::bigint`),
          (row) => Effect.map(Effect.fromOption(row), ({ number }) => number)
        ))

      const insert = (request: IssueRequest, issuedAt: DateTime.Utc, tickets: ReadonlyArray<object>) =>
        Rows.run(sql`
          INSERT INTO tickets (ticket_id, event_id, guest_id, code, ticket_type, template_id, payment_state,
                               flow_id, issued_at, qr_data)
          SELECT ticket_id, ${request.eventId}::bigint, guest_id, code, ticket_type,
                 ${request.templateId}::bigint, ${request.paymentState}::text, ${request.flowId}::text, ${
          DateTime.toDateUtc(issuedAt)
        }::timestamptz,
                 qr_data
          FROM jsonb_to_recordset(${JSON.stringify(tickets)}::jsonb)
            AS r (ticket_id bigint, guest_id bigint, code text, ticket_type text, qr_data text)
          ON CONFLICT (event_id, guest_id) WHERE voided_at IS NULL DO NOTHING`)

      const adopt: TicketStore["Service"]["adopt"] = ({ eventId, flowId, guestIds, paymentState }) =>
        flowId === null ? Effect.void : Rows.run(sql`
          UPDATE tickets t SET flow_id = ${flowId}, payment_state = ${paymentState}
          FROM ${asked(guestIds)}
          WHERE t.event_id = ${eventId} AND t.guest_id = asked.id AND t.voided_at IS NULL
            AND t.flow_id IS DISTINCT FROM ${flowId} AND ${adoptable(sql)}`)

      const issue: TicketStore["Service"]["issue"] = Effect.fn("TicketStore.issue")(function* (request) {
        yield* adopt(request)
        const guests = yield* wanted(request)
        const without = guests.filter((guest) => guest.ticket_id === null)
        if (without.length > 0) {
          const issuedAt = yield* DateTime.now
          const timestamp = Math.floor(DateTime.toEpochMillis(issuedAt) / 1000)
          const eventNumber = yield* numberOfEvent(request.eventId)
          const ids = yield* reserve(without.length)
          const tickets = ids.map(({ ticket_id }, at) => {
            const code = TicketCode.make(eventNumber)
            const qr_data = QrData.sign(keys, { id: ticket_id, eventId: eventNumber, timestamp, code })
            return { ...without[at], ticket_id, code, qr_data }
          })
          yield* insert(request, issuedAt, tickets)
        }
        const issued = without.length > 0 ? yield* wanted(request) : guests
        return issued.flatMap(({ ticket_id }) => ticket_id === null ? [] : [ticket_id])
      })

      const claimed: TicketStore["Service"]["claimed"] = (eventId, flowId, guestIds) =>
        Rows.first(CountRow)(sql`
          SELECT count(*) AS count FROM ${asked(guestIds)}
          JOIN tickets t ON t.event_id = ${eventId} AND t.guest_id = asked.id AND t.voided_at IS NULL
          WHERE t.payment_state IN ('pending', 'failed', 'refunded') AND t.flow_id IS DISTINCT FROM ${flowId}`)
          .pipe(Effect.map(Option.match({ onNone: () => 0, onSome: ({ count }) => count })))

      const unsettled: TicketStore["Service"]["unsettled"] = (eventId, flowId, guestIds) =>
        Rows.first(CountRow)(sql`
          SELECT count(*) AS count FROM ${asked(guestIds)}
          WHERE NOT EXISTS (
            SELECT 1 FROM tickets t
            WHERE t.event_id = ${eventId} AND t.guest_id = asked.id AND t.voided_at IS NULL
              AND t.payment_state IN ('paid', 'free') AND t.flow_id IS DISTINCT FROM ${flowId})`).pipe(
          Effect.map(Option.match({ onNone: () => 0, onSome: ({ count }) => count }))
        )

      const get = Effect.fn("TicketStore.get")(function* (ticketId: number) {
        const row = yield* Rows.first(TicketRow)(sql`
          SELECT t.ticket_id, ${number} AS event_id, t.guest_id, g.name AS guest_name, t.code AS ticket_code,
            t.ticket_type, t.template_id, t.seat, t.status, t.payment_state, t.qr_data, t.issued_at,
            t.generated_at, t.file_url, t.qr_url, t.file_key, t.qr_key, t.file_size, t.generation, t.first_admitted_at,
            t.first_gate, t.flow_id, e.owner
          FROM tickets t JOIN guests g USING (event_id, guest_id) JOIN events e USING (event_id)
          WHERE t.ticket_id = ${ticketId}`)
        return Option.isSome(row) ? row.value : yield* new TicketNotFound({ ticket_id: ticketId })
      })

      const voidFlow = (flowId: string, reason: string) =>
        Effect.map(
          Rows.all(IdRow)(sql`
            UPDATE tickets SET status = 'voided', voided_at = now(), void_reason = ${reason}
            WHERE flow_id = ${flowId} AND status <> 'voided' RETURNING ticket_id`),
          (voided) => voided.length
        )

      const forJob = (ticketIds: ReadonlyArray<number>) =>
        Rows.all(JobTicketRow)(sql`
          SELECT t.ticket_id, t.code, t.qr_data, g.name, g.email, g.phone, ${number} AS event_id, e.title, e.starts_at,
            e.location, p.template_id, p.name AS template_name, p.design
          FROM ${asked(ticketIds)} JOIN tickets t ON t.ticket_id = asked.id
          JOIN guests g USING (event_id, guest_id) JOIN events e USING (event_id)
          JOIN templates p USING (template_id)
          WHERE t.status <> 'voided' ORDER BY asked.position`)

      const owners = (ticketIds: ReadonlyArray<number>) =>
        Rows.all(OwnerRow)(sql`
          SELECT t.ticket_id, t.event_id, e.owner, t.status
          FROM ${asked(ticketIds)} JOIN tickets t ON t.ticket_id = asked.id JOIN events e USING (event_id)
          ORDER BY asked.position`)

      return { issue, adopt, claimed, unsettled, get, voidFlow, forJob, owners, ...TicketReports.make(sql) }
    })
  )
}
