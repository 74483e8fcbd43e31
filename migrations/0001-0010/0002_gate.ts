/**
 * The gate: rules of suspicion, annulled scans, the journal in its order, tallies, and what a ticket's change is known
 * by. The two indexes on `event_id + 0` serve those queries alone that write it so: on `event_id` itself, a planner
 * that has no statistics yet would take them for the lookup of one scan or one guest, and read the whole event.
 */
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"

const statements = [
  `ALTER TABLE events ADD COLUMN gate_rules jsonb`,
  `ALTER TABLE scans
    ADD COLUMN annulled_at timestamptz,
    ADD COLUMN annulled_by text,
    ADD COLUMN annul_operator text,
    ADD COLUMN annul_reason text`,
  `CREATE INDEX scans_journal ON scans ((event_id + 0), seq)`,
  `CREATE TABLE gate_tallies (
    event_id bigint NOT NULL,
    gate text NOT NULL,
    direction text NOT NULL,
    result text NOT NULL,
    scans integer NOT NULL,
    PRIMARY KEY (event_id, gate, direction, result)
  )`,
  `INSERT INTO gate_tallies (event_id, gate, direction, result, scans)
    SELECT event_id, gate, direction, result, count(*) FROM scans GROUP BY event_id, gate, direction, result`,
  `CREATE TABLE gate_moments (
    event_id bigint NOT NULL,
    at timestamptz NOT NULL,
    entered integer NOT NULL,
    exited integer NOT NULL,
    refused integer NOT NULL,
    PRIMARY KEY (event_id, at)
  )`,
  `ALTER TABLE tickets ADD COLUMN changed_in xid8 NOT NULL DEFAULT pg_current_xact_id()`,
  `CREATE INDEX tickets_changes ON tickets ((event_id + 0), changed_in, ticket_id)`,
  `CREATE FUNCTION guichet_ticket_changed() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      NEW.changed_in := pg_current_xact_id();
      RETURN NEW;
    END $$`,
  `CREATE TRIGGER tickets_changed
    BEFORE UPDATE OF status, payment_state, inside, entries, code ON tickets
    FOR EACH ROW EXECUTE FUNCTION guichet_ticket_changed()`
]

export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* Effect.forEach(statements, (statement) => sql.unsafe(statement), { discard: true })
})
