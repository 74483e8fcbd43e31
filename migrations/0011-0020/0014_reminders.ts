/**
 * Reminders are a sequence like others: opened, canceled, and without a user of their own. A sequence goes by a version
 * of its event, of which the date is now part, so that it is woken when the date moves; and whatever waits for a trigger
 * is let go once.
 */
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"

const statements = [
  `ALTER TABLE notification_sequences
    ALTER COLUMN user_id DROP NOT NULL,
    ADD COLUMN event_version integer NOT NULL DEFAULT 0,
    ADD COLUMN let_go_at timestamptz`,
  `CREATE INDEX notification_sequences_running ON notification_sequences (event_id) WHERE status = 'running'`,
  `DROP TRIGGER events_changed ON events`,
  `CREATE TRIGGER events_changed
    BEFORE UPDATE OF starts_at, status, max_attendees, doors_open_at, doors_close_at, reentry ON events
    FOR EACH ROW WHEN (
      (OLD.starts_at, OLD.status, OLD.max_attendees, OLD.doors_open_at, OLD.doors_close_at, OLD.reentry)
      IS DISTINCT FROM
      (NEW.starts_at, NEW.status, NEW.max_attendees, NEW.doors_open_at, NEW.doors_close_at, NEW.reentry))
    EXECUTE FUNCTION guichet_event_changed()`
]

export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* Effect.forEach(statements, (statement) => sql.unsafe(statement), { discard: true })
})
