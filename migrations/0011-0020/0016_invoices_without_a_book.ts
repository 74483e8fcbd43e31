/**
 * Invoices are issued in a payment's own turn: messages to the `InvoiceBook` entity, which nothing answers any more, go.
 * The events of a payment that waited for one are applied again; that changes nothing but the missing invoice.
 */
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"

/** The cluster makes its tables itself, at its first start. */
const clusterExists =
  `to_regclass('cluster_messages') IS NOT NULL AND to_regclass('cluster_replies') IS NOT NULL`

const statements = [
  `CREATE TEMPORARY TABLE applied_again ON COMMIT DROP AS
    SELECT e.id, e.request_id FROM cluster_messages e JOIN cluster_messages b
      ON b.entity_type = 'InvoiceBook' AND b.tag = 'IssueInvoice' AND NOT b.processed
      AND b.payload::jsonb ->> 'paymentId' = e.entity_id
    WHERE e.entity_type = 'Payment' AND e.tag = 'ApplyEvent'`,
  `DELETE FROM cluster_replies WHERE request_id IN (SELECT request_id FROM applied_again)`,
  `UPDATE cluster_messages SET processed = false, last_reply_id = NULL, last_read = NULL
    WHERE id IN (SELECT id FROM applied_again)`,
  `DELETE FROM cluster_replies WHERE request_id IN (
    SELECT request_id FROM cluster_messages WHERE entity_type = 'InvoiceBook')`,
  `DELETE FROM cluster_messages WHERE entity_type = 'InvoiceBook'`
]

export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const [exists] = yield* sql.unsafe<{ readonly found: boolean }>(`SELECT ${clusterExists} AS found`)
  if (exists?.found !== true) return
  yield* Effect.forEach(statements, (statement) => sql.unsafe(statement), { discard: true })
})
