/** What the flows of an installation have left behind, counted where it is stored: each effect once, none missing. */
import { assert } from "@effect/vitest"
import { Effect } from "effect"
import { SqlClient } from "effect/sql"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { steps } from "../../rpc/CompleteFlow.ts"
import { guestCount, type Installation } from "./Installation.ts"

const expectedMessages = (flowId: string) => {
  const guests = Array.from({ length: guestCount }, (_, at) => at + 1)
  const each = (type: string, channel: string) =>
    guests.map((guest) => `${flowId}.${type}.${guest}.${channel}`)
  return {
    sent: [
      ...each("registration_confirmation", "email"),
      ...each("ticket_generated", "email"),
      ...each("ticket_alert", "sms"),
      `${flowId}.payment_confirmation.1.email`
    ].sort(),
    scheduled: [
      ...each("event_reminder-24h", "email"),
      ...each("event_reminder-24h", "sms"),
      ...each("event_reminder-2h", "sms")
    ].sort()
  }
}

const auditFlow = Effect.fnUntraced(function* (directory: string, flowId: string) {
  const sql = yield* SqlClient.SqlClient
  const flows = yield* sql`SELECT status, error FROM flows WHERE flow_id = ${flowId}`
  assert.deepStrictEqual(flows, [{ status: "completed", error: null }], flowId)
  const ran = yield* sql`
    SELECT step, status, attempts > 0 AS begun, finished_at >= started_at AS ended FROM flow_steps
    WHERE flow_id = ${flowId} ORDER BY position`
  assert.deepStrictEqual(ran, steps.map((step) => ({ step, status: "completed", begun: true, ended: true })))

  const tickets = yield* sql<
    { ticket_id: number; guest_id: number; status: string; paid: string; key: string }
  >`
    SELECT ticket_id, guest_id, status, payment_state AS paid, file_key AS key FROM tickets
    WHERE event_id = (SELECT event_id FROM flows WHERE flow_id = ${flowId}) ORDER BY guest_id`
  assert.deepStrictEqual(
    tickets.map(({ guest_id, paid, status }) => [guest_id, status === "voided", paid]),
    Array.from({ length: guestCount }, (_, at) => [at + 1, false, "paid"])
  )
  for (const { key, ticket_id } of tickets) {
    const files = Fs.readdirSync(Path.join(directory, "files", Path.dirname(key)))
    assert.deepStrictEqual(
      files.filter((name) => /^\d+/.exec(name)?.[0] === String(ticket_id)).sort(),
      [`${ticket_id}-qr.png`, `${ticket_id}.pdf`]
    )
    assert.strictEqual(Fs.readFileSync(Path.join(directory, "files", key)).subarray(0, 5).toString(), "%PDF-")
  }
  const jobs = yield* sql`
    SELECT status, total, announced_at IS NOT NULL AS announced FROM ticket_jobs WHERE flow_id = ${flowId}`
  assert.deepStrictEqual(jobs, [{ status: "completed", total: guestCount, announced: true }])

  const payments = yield* sql<{ payment_id: string; status: string; events: number; invoices: number }>`
    SELECT payment_id, status, (SELECT count(*)::int FROM payment_events e WHERE e.payment_id = p.payment_id) AS events,
      (SELECT count(*)::int FROM invoices i WHERE i.payment_id = p.payment_id AND i.corrects IS NULL) AS invoices
    FROM payments p WHERE flow_id = ${flowId}`
  assert.deepStrictEqual(payments, [
    { payment_id: flowId.replace("flow_", "pay_"), status: "settled", events: 1, invoices: 1 }
  ])

  const messages = yield* sql<{ id: string; status: string; attempts: number; tries: number }>`
    SELECT message_id AS id, status, attempts,
      (SELECT count(*)::int FROM notification_attempts a WHERE a.message_id = n.message_id) AS tries
    FROM notifications n WHERE flow_id = ${flowId}`
  const of = (status: string) => messages.filter((message) => message.status === status)
  const expected = expectedMessages(flowId)
  assert.deepStrictEqual(of("sent").map(({ id }) => id).sort(), expected.sent)
  assert.deepStrictEqual(of("scheduled").map(({ id }) => id).sort(), expected.scheduled)
  assert.strictEqual(messages.length, expected.sent.length + expected.scheduled.length)
  for (const message of of("sent")) assert.deepInclude(message, { attempts: 1, tries: 1 })

  const feed = yield* sql<{ seq: number; kind: string }>`
    SELECT seq, kind FROM feed_events WHERE feed_id = ${`flow/${flowId}`} ORDER BY seq`
  assert.deepStrictEqual(feed.map(({ seq }) => seq), feed.map((_, at) => at + 1))
  assert.deepStrictEqual(feed.filter(({ kind }) => kind === "closed").map(({ seq }) => seq), [feed.length])
})

const auditInvoices = Effect.fnUntraced(function* (directory: string, count: number) {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ sequence: number; key: string }>`
    SELECT sequence, file_key AS key FROM invoices ORDER BY sequence`
  assert.deepStrictEqual(
    rows.map(({ sequence }) => sequence),
    Array.from({ length: count }, (_, at) => at + 1)
  )
  assert.deepStrictEqual(yield* sql`SELECT next FROM invoice_books`, [{ next: count + 1 }])
  for (const { key } of rows) {
    assert.strictEqual(Fs.readFileSync(Path.join(directory, "files", key)).subarray(0, 5).toString(), "%PDF-")
  }
})

/** Looks at everything; on the embedded database no process may run meanwhile. */
export const audit = ({ database, directory }: Installation, flowIds: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    yield* Effect.forEach(flowIds, (flowId) => auditFlow(directory, flowId), { discard: true })
    yield* auditInvoices(directory, flowIds.length)
    const [rows] = yield* sql<{ flows: number }>`SELECT count(*)::int AS flows FROM flows`
    assert.strictEqual(rows?.flows, flowIds.length)
    const files = Fs.readdirSync(Path.join(directory, "outbox")).filter((name) => !name.startsWith("."))
    assert.strictEqual(
      files.length,
      flowIds.flatMap((flowId) => expectedMessages(flowId).sent).length,
      files.join("\n")
    )
  }).pipe(Effect.provide(database))
