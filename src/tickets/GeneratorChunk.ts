/** A chunk of a job as the generator gets it: its id, and the documented body of the flows document (« Flow 1 »). */
import { DateTime } from "effect"
import type { JobOptions } from "../../rpc/TicketJob.ts"
import type { GenerationJob, JobTicket } from "../services/generator/TicketApi.ts"
import type { JobTicketRow } from "../store/tickets/TicketRows.ts"
import { EventNumber } from "../../rpc/values/Ids.ts"

/** First word, then the rest; the generator prints both with one space between. */
const splitName = (name: string): { readonly first_name: string; readonly last_name: string } => {
  const [first = "", ...rest] = name.trim().split(/\s+/u)
  return { first_name: first, last_name: rest.join(" ") }
}

const toTicket = (row: JobTicketRow): JobTicket => ({
  id: row.ticket_id,
  ticket_code: row.code,
  qr_code_data: row.qr_data,
  guest: { ...splitName(row.name), email: row.email, phone: row.phone },
  event: {
    id: row.event_id,
    title: row.title,
    event_date: DateTime.formatIso(row.starts_at).replace(".000Z", "Z"),
    location: row.location
  },
  template: { id: row.template_id, name: row.template_name, design: row.design }
})

/** The documented body; the priority travels in `X-Job-Priority`, `batch_processing` stays with the core. */
export const enrich = (
  job: { readonly job_id: string; readonly event_number: EventNumber; readonly options: JobOptions },
  rows: ReadonlyArray<JobTicketRow>
): GenerationJob => {
  const { qrFormat, qrSize, pdfFormat, includeLogo } = job.options
  return {
    job_id: job.job_id,
    event_id: job.event_number,
    tickets: rows.map(toTicket),
    options: { qrFormat, qrSize, pdfFormat, includeLogo }
  }
}

/**
 * `job_1_0` in the first attempt, `job_1.2_0` in the second, `job_1.2.3_0` in its third edition: the generator takes each
 * id once, so an attempt that its queue forgot to do goes there again under a new edition.
 */
export const chunkIdOf = (
  { attempt, edition, job_id }: {
    readonly job_id: string
    readonly attempt: number
    readonly edition: number
  },
  chunk: number
): string => {
  const suffix = edition > 1 ? `.${attempt}.${edition}` : attempt > 1 ? `.${attempt}` : ""
  return `${job_id}${suffix}_${chunk}`
}

const reported = /^wh_(job_[A-Za-z0-9_-]+)(?:\.(\d{1,9})(?:\.\d{1,9})?)?_\d{1,9}$/

/** The attempt that a webhook of our generator reports, in whichever edition; null when its id does not say. */
export const attemptOf = (jobId: string, webhookId: string): number | null => {
  const [, job, attempt] = reported.exec(webhookId) ?? []
  return job === jobId ? Number(attempt ?? 1) : null
}
