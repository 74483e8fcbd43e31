/**
 * The gate's lock says of which version of the event it is the lock: a statement that waited for it still sees the event
 * as it was when it began, and must not let anybody in on what is over.
 */
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"

const statements = [
  `ALTER TABLE events ADD COLUMN gate_version integer NOT NULL DEFAULT 1`,
  `ALTER TABLE gates_occupancy ADD COLUMN gate_version integer NOT NULL DEFAULT 1`,
  `CREATE FUNCTION guichet_event_changed() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      NEW.gate_version := OLD.gate_version + 1;
      UPDATE gates_occupancy SET gate_version = NEW.gate_version WHERE event_id = NEW.event_id;
      RETURN NEW;
    END $$`,
  `CREATE TRIGGER events_changed
    BEFORE UPDATE OF status, max_attendees, doors_open_at, doors_close_at, reentry ON events
    FOR EACH ROW WHEN ((OLD.status, OLD.max_attendees, OLD.doors_open_at, OLD.doors_close_at, OLD.reentry)
      IS DISTINCT FROM (NEW.status, NEW.max_attendees, NEW.doors_open_at, NEW.doors_close_at, NEW.reentry))
    EXECUTE FUNCTION guichet_event_changed()`
]

export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* Effect.forEach(statements, (statement) => sql.unsafe(statement), { discard: true })
})
