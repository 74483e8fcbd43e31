/**
 * A cheaper admission: the trigger is left out where the statement itself says in which transaction a ticket changed,
 * and tickets of no flow are no longer in the flows' index.
 */
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"

const statements = [
  `DROP TRIGGER tickets_changed ON tickets`,
  `CREATE TRIGGER tickets_changed
    BEFORE UPDATE OF status, payment_state, inside, entries, code ON tickets
    FOR EACH ROW WHEN (NEW.changed_in = OLD.changed_in) EXECUTE FUNCTION guichet_ticket_changed()`,
  `DROP INDEX tickets_flow`,
  `CREATE INDEX tickets_flow ON tickets (flow_id) WHERE flow_id IS NOT NULL`
]

export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* Effect.forEach(statements, (statement) => sql.unsafe(statement), { discard: true })
})
