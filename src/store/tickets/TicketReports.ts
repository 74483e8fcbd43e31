/** What a generator's reports leave on tickets: their files, and an archive of what else they said. */
import { DateTime, Effect, Schema } from "effect"
import type { SqlClient } from "effect/sql"
import { ArchivedReport, type GeneratedTicket } from "../../../rpc/Ticket.ts"
import { isFileKey } from "../../../rpc/values/FileKey.ts"
import * as Rows from "../Rows.ts"

/** The files of a ticket: each is a key and an address. */
type StoredPair = "file" | "qr"

/** A key that our store cannot have is none. */
const keyOf = (key: string | null = null) => key !== null && isFileKey(key) ? key : null

const encodeReport = Schema.encodeSync(ArchivedReport)

/** The report without the files, whose keys and addresses have columns of their own and change. */
const archived = (ticket: GeneratedTicket, generated_at: DateTime.Utc) => {
  const { data, metadata, notificationSent, processingTimeMs, reason } = ticket
  return encodeReport({
    generated_at,
    ...(reason === null ? {} : { reason }),
    ...(data === null ? {} : { format: data.format, qr_code: data.qr_code }),
    ...(data?.qr_size === undefined ? {} : { qr_size: data.qr_size }),
    ...(processingTimeMs === undefined ? {} : { processing_time_ms: processingTimeMs }),
    ...(notificationSent === undefined ? {} : { notification_sent: notificationSent }),
    metadata
  })
}

const failuresOf = (tickets: ReadonlyArray<GeneratedTicket>, at: DateTime.Utc) =>
  tickets.flatMap((ticket) =>
    ticket.status === "failed" ? [{ ticket_id: ticket.ticketId, report: archived(ticket, at) }] : []
  )

const filesOf = (tickets: ReadonlyArray<GeneratedTicket>, at: DateTime.Utc) =>
  tickets.flatMap((ticket) => {
    const { data, status, ticketId } = ticket
    return status === "generated" && data !== null
      ? [{
        ticket_id: ticketId,
        file_key: keyOf(data.file_key),
        file_url: data.file_url,
        qr_key: keyOf(data.qr_key),
        qr_url: data.qr_url,
        file_size: data.file_size,
        report: archived(ticket, at)
      }]
      : []
  })

/** Part of `TicketStore`, which says what it answers. */
export const make = (sql: SqlClient.SqlClient) => {
  const storeFiles = (tickets: ReadonlyArray<GeneratedTicket>, generatedAt: DateTime.Utc) => {
    const files = filesOf(tickets, generatedAt)
    const at = DateTime.toDateUtc(generatedAt)
    const later = sql`coalesce(t.generated_at <= ${at}::timestamptz, true)`
    /** An address counts for more than a key alone, and that for more than nothing. */
    const worth = (row: "r" | "t", file: StoredPair) =>
      sql.literal(`CASE WHEN ${row}.${file}_url IS NOT NULL THEN 2
                        WHEN ${row}.${file}_key IS NOT NULL THEN 1 ELSE 0 END`)
    const taken = (file: StoredPair) =>
      sql`(${worth("r", file)} > ${worth("t", file)} OR ${worth("r", file)} = ${
        worth("t", file)
      } AND ${later})`
    const chosen = (file: StoredPair, column: string) =>
      sql`CASE WHEN ${taken(file)} THEN ${sql.literal(`r.${column}`)} ELSE ${sql.literal(`t.${column}`)} END`
    const key = (file: StoredPair) =>
      sql`CASE WHEN ${
        sql.literal(`r.${file}_url = t.${file}_url AND num_nulls(r.${file}_key, t.${file}_key) = 1`)
      }
               THEN ${sql.literal(`coalesce(r.${file}_key, t.${file}_key)`)}
               ELSE ${chosen(file, `${file}_key`)} END`
    return files.length === 0 ? Effect.void : Rows.run(sql`
      UPDATE tickets t SET generated_at = greatest(t.generated_at, ${at}::timestamptz),
        file_key = ${key("file")}, file_url = ${chosen("file", "file_url")},
        file_size = ${chosen("file", "file_size")},
        qr_key = ${key("qr")}, qr_url = ${chosen("qr", "qr_url")},
        generation = CASE WHEN ${later}
          THEN coalesce(t.generation, '{}') || jsonb_build_object('generated', r.report) ELSE t.generation END
      FROM jsonb_to_recordset(${JSON.stringify(files)}::jsonb)
        AS r (ticket_id bigint, file_key text, file_url text, qr_key text, qr_url text, file_size integer,
              report jsonb)
      WHERE t.ticket_id = r.ticket_id
        AND (${later} OR num_nulls(t.file_key, t.file_url, t.qr_key, t.qr_url) > 0)`)
  }

  const archiveFailures = (tickets: ReadonlyArray<GeneratedTicket>, generatedAt: DateTime.Utc) => {
    const failed = failuresOf(tickets, generatedAt)
    return failed.length === 0 ? Effect.void : Rows.run(sql`
      UPDATE tickets t
      SET generation = coalesce(t.generation, '{}') || jsonb_build_object('failed', r.report)
      FROM jsonb_to_recordset(${JSON.stringify(failed)}::jsonb) AS r (ticket_id bigint, report jsonb)
      WHERE t.ticket_id = r.ticket_id AND coalesce(
        (t.generation #>> '{failed,generated_at}')::timestamptz <= ${
      DateTime.toDateUtc(generatedAt)
    }::timestamptz, true)`)
  }

  const generated = (tickets: ReadonlyArray<GeneratedTicket>, generatedAt: DateTime.Utc) =>
    Effect.andThen(storeFiles(tickets, generatedAt), archiveFailures(tickets, generatedAt))

  return { generated }
}
