/**
 * An admission changes no indexed column, so that PostgreSQL updates the ticket within its page (HOT) and writes to none
 * of its indexes: who is live is told by `voided_at`, not by `status`, and what the journal tells of a ticket is not
 * told by `changed_in` too. The fill factor leaves room for a second version of every ticket of a page: those of one batch
 * often lie together, and none of their old versions can go before it commits.
 */
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"

const statements = [
  `UPDATE tickets SET voided_at = now() WHERE status = 'voided' AND voided_at IS NULL`,
  `UPDATE tickets SET voided_at = NULL WHERE status <> 'voided' AND voided_at IS NOT NULL`,
  `ALTER TABLE tickets SET (fillfactor = 50),
    ADD CONSTRAINT tickets_voided CHECK ((status = 'voided') = (voided_at IS NOT NULL))`,
  `DROP INDEX tickets_one_live_per_guest`,
  `CREATE UNIQUE INDEX tickets_one_live_per_guest ON tickets (event_id, guest_id) WHERE voided_at IS NULL`,
  `DROP TRIGGER tickets_changed ON tickets`,
  `CREATE TRIGGER tickets_changed BEFORE UPDATE OF voided_at, payment_state, code ON tickets
    FOR EACH ROW EXECUTE FUNCTION guichet_ticket_changed()`
]

export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* Effect.forEach(statements, (statement) => sql.unsafe(statement), { discard: true })
})
