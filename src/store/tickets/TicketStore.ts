/** Tickets: issued once a guest, voided once, and the files the generator made of them. */
import { Context, DateTime, Duration, Effect, Layer, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { type GeneratedTicket, TicketNotFound } from "../../../rpc/Ticket.ts"
import { QrData } from "../../trust/QrData.ts"
import { SigningKeys } from "../../trust/SigningKeys.ts"
import { TicketCode } from "../../../rpc/values/TicketCode.ts"
import { adoptable, forsaken } from "../payments/PaymentClaims.ts"
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

type Request = Omit<IssueRequest, "templateId" | "flowId">

const WantedRow = Schema.Struct({
  guest_id: Schema.Int,
  ticket_type: Schema.String,
  ticket_id: Schema.NullOr(Schema.Int),
  spare_id: Schema.NullOr(Schema.Int),
  number: EventNumber
})
const ClaimRow = Schema.Struct({
  unsettled: Schema.Int,
  claimed: Schema.Int,
  forsaken: Schema.Array(Schema.String)
})
const IdRow = Schema.Struct({ ticket_id: Schema.Int })
const VoidRow = Schema.Struct({ item: Schema.Int, ticket_id: Schema.Null })
const ChunkRow = Schema.Union([Schema.Struct({ item: Schema.Int, ...JobTicketRow.fields }), VoidRow])

/** An item whose ticket is live. */
const isLive = (row: typeof ChunkRow.Type): row is Exclude<typeof ChunkRow.Type, typeof VoidRow.Type> =>
  row.ticket_id !== null

/** `tickets/<event>/<ticket>.pdf` and `tickets/<event>/<ticket>-qr.png`: the keys of `TicketRenderer`. */
const fileOfTicket = /^tickets\/\d+\/(\d{1,16})(?:-qr)?\.\w+$/

/** Every read and write of tickets outside of the gate. */
export class TicketStore extends Context.Service<TicketStore, {
  /** The live tickets of these guests, in their order, made where there were none; strangers get none. */
  readonly issue: (request: IssueRequest) => Effect.Effect<ReadonlyArray<number>>
  /**
   * Makes the guests' live tickets this flow's where nobody has paid them and no running flow may still be. Answers how
   * many of the guests have no free ticket and none that another flow's payment settled (`unsettled`), and how many of
   * their live tickets wait for another flow's payment (`claimed`), and open payments that nobody needs any more, of ended
   * flows for guests of this one, which left no ticket (`forsaken`).
   */
  readonly claim: (request: Request & { readonly flowId: string }) => Effect.Effect<typeof ClaimRow.Type>
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
  /** What the generator gets of a chunk of a job's attempt that is still to be generated, and which of it is void. */
  readonly ofChunk: (
    job: { readonly job_id: string; readonly attempt: number },
    chunk: number
  ) => Effect.Effect<{
    readonly rows: ReadonlyArray<JobTicketRow>
    readonly voided: ReadonlyArray<number>
  }>
  /** The same of tickets that are live, in the order asked for. */
  readonly forJob: (ticketIds: ReadonlyArray<number>) => Effect.Effect<ReadonlyArray<JobTicketRow>>
  /** Whether this is a file of a live ticket whose event began less than `after` ago, or is still to begin. */
  readonly opensFile: (key: string, after: Duration.Duration) => Effect.Effect<boolean>
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

      /** Makes the guests' live tickets this flow's where nobody has paid them and no running flow may still be. */
      const adopting = ({ eventId, guestIds, paymentState }: Request, flowId: string) =>
        sql`
          UPDATE tickets t SET flow_id = ${flowId}, payment_state = ${paymentState}
          FROM ${asked(guestIds)}
          WHERE t.event_id = ${eventId} AND t.guest_id = asked.id AND t.voided_at IS NULL
            AND t.flow_id IS DISTINCT FROM ${flowId} AND ${adoptable(sql)}
          RETURNING t.ticket_id`

      /**
       * With an id for each ticket that is still to be made: it is signed before it is stored. Tickets that are there become
       * the flow's, if there is one and it may have them.
       */
      const wanted = (request: IssueRequest) => {
        const { eventId, flowId, guestIds } = request
        return Rows.all(WantedRow)(sql`
          ${flowId === null ? sql.literal("") : sql`WITH adopted AS (${adopting(request, flowId)})`}
          SELECT g.guest_id, g.ticket_type, t.ticket_id, n.number,
            CASE WHEN t.ticket_id IS NULL THEN nextval(pg_get_serial_sequence('tickets', 'ticket_id')) END AS spare_id
          FROM ${asked(guestIds)}
          JOIN event_numbers n ON n.event_id = ${eventId}
          JOIN guests g ON g.event_id = ${eventId} AND g.guest_id = asked.id
          LEFT JOIN tickets t ON t.event_id = g.event_id AND t.guest_id = g.guest_id AND t.voided_at IS NULL
          ORDER BY asked.position`)
      }

      const insert = (request: IssueRequest, issuedAt: DateTime.Utc, tickets: ReadonlyArray<object>) =>
        Rows.all(IdRow)(sql`
          INSERT INTO tickets (ticket_id, event_id, guest_id, code, ticket_type, template_id, payment_state,
                               flow_id, issued_at, qr_data)
          SELECT ticket_id, ${request.eventId}::bigint, guest_id, code, ticket_type,
                 ${request.templateId}::bigint, ${request.paymentState}::text, ${request.flowId}::text, ${
          DateTime.toDateUtc(issuedAt)
        }::timestamptz,
                 qr_data
          FROM jsonb_to_recordset(${JSON.stringify(tickets)}::jsonb)
            AS r (ticket_id bigint, guest_id bigint, code text, ticket_type text, qr_data text)
          ON CONFLICT (event_id, guest_id) WHERE voided_at IS NULL DO NOTHING RETURNING ticket_id`)

      const issue: TicketStore["Service"]["issue"] = Effect.fn("TicketStore.issue")(function* (request) {
        const guests = yield* wanted(request)
        const without = guests.filter((guest) => guest.ticket_id === null)
        const issuedAt = yield* DateTime.now
        const timestamp = Math.floor(DateTime.toEpochMillis(issuedAt) / 1000)
        const tickets = without.map(({ guest_id, number, spare_id, ticket_type }) => {
          const code = TicketCode.make(number)
          const qr_data = QrData.sign(keys, { id: spare_id!, eventId: number, timestamp, code })
          return { guest_id, ticket_type, ticket_id: spare_id, code, qr_data }
        })
        const made = tickets.length === 0 ? [] : yield* insert(request, issuedAt, tickets)
        // Another call made the ticket of a guest meanwhile.
        const issued = made.length === tickets.length ? guests : yield* wanted(request)
        return issued.map(({ spare_id, ticket_id }) => ticket_id ?? spare_id!)
      })

      const claim: TicketStore["Service"]["claim"] = ({ flowId, ...request }) =>
        Rows.first(ClaimRow)(sql`
          WITH adopted AS (${adopting(request, flowId)})
          SELECT
            count(*) FILTER (WHERE t.ticket_id IS NULL
              OR t.payment_state NOT IN ('paid', 'free') OR t.flow_id IS NOT DISTINCT FROM ${flowId}) AS unsettled,
            count(*) FILTER (WHERE t.payment_state IN ('pending', 'failed', 'refunded')
              AND t.flow_id IS DISTINCT FROM ${flowId}
              AND t.ticket_id NOT IN (SELECT ticket_id FROM adopted)) AS claimed,
            ARRAY(${forsaken(sql, flowId)}) AS forsaken
          FROM ${asked(request.guestIds)} LEFT JOIN tickets t
            ON t.event_id = ${request.eventId} AND t.guest_id = asked.id AND t.voided_at IS NULL`).pipe(
          Effect.map(Option.getOrElse(() => ({ unsettled: 0, claimed: 0, forsaken: [] })))
        )

      const get = Effect.fn("TicketStore.get")(function* (ticketId: number) {
        const row = yield* Rows.first(TicketRow)(sql`
          SELECT t.ticket_id, ${number} AS event_id, t.guest_id, g.name AS guest_name, t.code AS ticket_code,
            t.ticket_type, t.template_id, t.seat, t.status, t.payment_state, t.qr_data, t.issued_at,
            t.generated_at, t.file_url, t.qr_url, t.file_key, t.qr_key, t.file_size, t.generation, t.first_admitted_at,
            t.first_gate, t.flow_id, e.owner, e.starts_at
          FROM tickets t JOIN guests g USING (event_id, guest_id) JOIN events e USING (event_id)
          WHERE t.ticket_id = ${ticketId}`)
        return Option.isSome(row) ? row.value : yield* new TicketNotFound({ ticket_id: ticketId })
      })

      const opensFile = Effect.fn("TicketStore.opensFile")(function* (key: string, after: Duration.Duration) {
        const ticketId = Number(fileOfTicket.exec(key)?.[1] ?? Number.NaN)
        if (!Number.isSafeInteger(ticketId)) return false
        const now = yield* DateTime.now
        const since = DateTime.toDateUtc(DateTime.subtractDuration(now, after))
        return Option.isSome(
          yield* Rows.first(IdRow)(sql`
            SELECT t.ticket_id FROM tickets t JOIN events e USING (event_id)
            WHERE t.ticket_id = ${ticketId}::bigint AND t.voided_at IS NULL AND ${key} IN (t.file_key, t.qr_key)
              AND e.starts_at > ${since}::timestamptz`)
        )
      })

      const voidFlow = (flowId: string, reason: string) =>
        Effect.map(
          Rows.all(IdRow)(sql`
            UPDATE tickets SET status = 'voided', voided_at = now(), void_reason = ${reason}
            WHERE flow_id = ${flowId} AND status <> 'voided' RETURNING ticket_id`),
          (voided) => voided.length
        )

      const jobColumns =
        sql`t.ticket_id, t.code, t.qr_data, g.name, g.email, g.phone, ${number} AS event_id, e.title,
            e.starts_at, e.location, p.template_id, p.name AS template_name, p.design`
      const ofTickets = sql.literal(`tickets t JOIN guests g USING (event_id, guest_id)
          JOIN events e USING (event_id) JOIN templates p USING (template_id)`)

      const forJob = (ticketIds: ReadonlyArray<number>) =>
        Rows.all(JobTicketRow)(sql`
          SELECT ${jobColumns} FROM ${asked(ticketIds)} JOIN (${ofTickets}) ON t.ticket_id = asked.id
          WHERE t.status <> 'voided' ORDER BY asked.position`)

      const ofChunk: TicketStore["Service"]["ofChunk"] = ({ attempt, job_id: jobId }, chunk) =>
        Effect.map(
          Rows.all(ChunkRow)(sql`
            SELECT i.ticket_id AS item, ${jobColumns}
            FROM ticket_job_items i LEFT JOIN (${ofTickets})
              ON t.ticket_id = i.ticket_id AND t.status <> 'voided'
            WHERE i.job_id = ${jobId} AND i.chunk = ${chunk}::int AND i.attempt = ${attempt}::int
              AND i.status = 'queued'
            ORDER BY i.ticket_id`),
          (found) => ({
            rows: found.filter(isLive),
            voided: found.flatMap((row) => isLive(row) ? [] : [row.item])
          })
        )

      const owners = (ticketIds: ReadonlyArray<number>) =>
        Rows.all(OwnerRow)(sql`
          SELECT t.ticket_id, t.event_id, e.owner, t.status
          FROM ${asked(ticketIds)} JOIN tickets t ON t.ticket_id = asked.id JOIN events e USING (event_id)
          ORDER BY asked.position`)

      return { issue, claim, get, opensFile, voidFlow, forJob, ofChunk, owners, ...TicketReports.make(sql) }
    })
  )
}
