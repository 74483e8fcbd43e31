/** What a generation job has left behind: its ledger, its files, its notices, each once and none missing. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { FileStore } from "../../src/files/FileStore.ts"
import * as Platform from "../../src/Platform.ts"
import { chunkSize } from "../../src/store/jobs/JobStore.ts"
import type { Installation } from "./Installation.ts"
import { checkStructure, has } from "./PdfTools.ts"
import type { JobRun } from "./TicketJobRun.ts"

/**
 * A queue that was emptied meanwhile is sent its chunks again: then a chunk may be reported twice, and counts once all
 * the same.
 */
export interface Circumstances {
  readonly emptied: boolean
}

const auditLedger = Effect.fnUntraced(function* ({ jobId, tickets }: JobRun, { emptied }: Circumstances) {
  const sql = yield* SqlClient.SqlClient
  const jobs = yield* sql`
    SELECT status, total, error, announced_at IS NOT NULL AS announced FROM ticket_jobs WHERE job_id = ${jobId}`
  assert.deepStrictEqual(jobs, [{ status: "completed", total: tickets, error: null, announced: true }])
  const items = yield* sql`
    SELECT status, count(*)::int AS count FROM ticket_job_items WHERE job_id = ${jobId} GROUP BY status`
  assert.deepStrictEqual(items, [{ status: "generated", count: tickets }])
  const reports = yield* sql<{ id: string; size: number }>`
    SELECT webhook_id AS id, jsonb_array_length(body->'tickets') AS size FROM webhook_deliveries
    WHERE source = 'ticket' AND body->>'job_id' = ${jobId}`
  const chunks = Math.ceil(tickets / chunkSize)
  const seen = JSON.stringify(reports)
  if (emptied) assert.isAtLeast(reports.length, chunks, seen)
  else {
    assert.strictEqual(reports.length, chunks, seen)
    assert.strictEqual(reports.reduce((sum, { size }) => sum + size, 0), tickets)
  }
  const feed = yield* sql<{ seq: number; kind: string; ids: ReadonlyArray<number> | null }>`
    SELECT seq, kind, data->'ticket_ids' AS ids FROM feed_events WHERE feed_id = ${`job/${jobId}`} ORDER BY seq`
  assert.deepStrictEqual(feed.map(({ seq }) => seq), feed.map((_, at) => at + 1))
  assert.deepStrictEqual(feed.filter(({ kind }) => kind === "closed").map(({ seq }) => seq), [feed.length])
  const told = feed.flatMap(({ ids }) => ids ?? [])
  assert.strictEqual(new Set(told).size, told.length)
})

const filesIn = (folder: string): ReadonlyArray<string> =>
  Fs.readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => Path.relative(folder, Path.join(entry.parentPath, entry.name)))
    .filter((name) => !name.startsWith(".drafts"))

/** What a killed writer left half-written goes at the first start an hour later: this one. */
const auditDrafts = Effect.fnUntraced(function* (files: string) {
  const drafts = Path.join(files, ".drafts")
  for (const name of Fs.readdirSync(drafts)) Fs.utimesSync(Path.join(drafts, name), 0, 0)
  yield* Effect.scoped(Effect.asVoid(FileStore)).pipe(
    Effect.provide(FileStore.layerLocal(files)),
    Effect.provide(Platform.services)
  )
  assert.deepStrictEqual(Fs.readdirSync(drafts), [])
})

const auditFiles = Effect.fnUntraced(function* (directory: string, { tickets }: JobRun) {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ pdf: string; qr: string; size: number }>`
    SELECT file_key AS pdf, qr_key AS qr, file_size AS size FROM tickets ORDER BY ticket_id`
  assert.strictEqual(rows.length, tickets)
  const files = Path.join(directory, "files")
  assert.deepStrictEqual(
    [...filesIn(files)].sort(),
    rows.flatMap(({ pdf, qr }) => [pdf, qr]).sort()
  )
  for (const { pdf, qr, size } of rows) {
    const bytes = Fs.readFileSync(Path.join(files, pdf))
    assert.strictEqual(bytes.length, size)
    assert.strictEqual(bytes.subarray(0, 5).toString(), "%PDF-")
    assert.strictEqual(bytes.subarray(-6).toString().trim(), "%%EOF")
    assert.strictEqual(Fs.readFileSync(Path.join(files, qr)).subarray(1, 4).toString(), "PNG")
  }
  if (has("qpdf")) {
    for (const at of [0, Math.floor(tickets / 2), tickets - 1]) {
      checkStructure(Fs.readFileSync(Path.join(files, rows[at]!.pdf)))
    }
  }
  yield* auditDrafts(files)
})

const auditNotices = Effect.fnUntraced(function* (directory: string, { sequences }: JobRun) {
  const sql = yield* SqlClient.SqlClient
  const guests = sequences.map((_, at) => at + 1)
  const sent = yield* sql`
    SELECT guest_id, channel, status, (
      SELECT count(*)::int FROM notification_attempts a WHERE a.message_id = n.message_id AND outcome = 'sent'
    ) AS times
    FROM notifications n WHERE status <> 'skipped' ORDER BY guest_id, channel`
  assert.deepStrictEqual(
    sent,
    guests.map((guest_id) => ({ guest_id, channel: "email", status: "sent", times: 1 }))
  )
  const outbox = Fs.readdirSync(Path.join(directory, "outbox")).filter((name) => !name.startsWith("."))
  const addressed = outbox.map((name) =>
    /^To: (\S+)/m.exec(Fs.readFileSync(Path.join(directory, "outbox", name), "latin1"))?.[1]
  )
  assert.deepStrictEqual(addressed.sort(), guests.map((guest) => `guest${guest}@example.com`).sort())
  const states = yield* sql`SELECT DISTINCT status FROM notification_sequences`
  assert.deepStrictEqual(states, [{ status: "completed" }])
})

/** Looks at everything; on the embedded database no process may run meanwhile. */
export const audit = (
  { database, directory }: Installation,
  run: JobRun,
  circumstances: Circumstances = { emptied: false }
): Effect.Effect<void> =>
  auditLedger(run, circumstances).pipe(
    Effect.andThen(auditFiles(directory, run)),
    Effect.andThen(auditNotices(directory, run)),
    Effect.provide(database),
    Effect.orDie
  )
