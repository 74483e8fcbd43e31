/** A book knows when its last page was issued, so that the next one is not earlier: no document has to be read for that. */
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"

const statements = [
  `ALTER TABLE invoice_books ADD COLUMN issued_at timestamptz`,
  `UPDATE invoice_books b SET issued_at = (
    SELECT max(i.issued_at) FROM invoices i WHERE i.issuer = b.issuer AND i.year = b.year)`
]

export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* Effect.forEach(statements, (statement) => sql.unsafe(statement), { discard: true })
})
