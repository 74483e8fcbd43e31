/**
 * What is known of a delivery: a message that was handed over and whose end is not known, an attempt whose answer did not
 * come, the code that refused it; lines of what a request leaves out; and the addresses that an organiser's messages do not go to any more, under a digest that outlives the
 * address itself.
 */
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"

const statements = [
  `ALTER TABLE notifications ADD COLUMN begun_at timestamptz,
    ADD COLUMN possible_double boolean NOT NULL DEFAULT false, ADD COLUMN resend_at timestamptz,
    ADD COLUMN left_out boolean NOT NULL DEFAULT false`,
  `ALTER TABLE notification_attempts ADD COLUMN code text, ADD COLUMN in_doubt boolean NOT NULL DEFAULT false`,
  `CREATE INDEX notifications_digest ON notifications (md5(message_id))`,
  `CREATE INDEX notifications_dead ON notifications (event_id, message_id) WHERE status = 'failed'`,
  `CREATE INDEX notifications_resend ON notifications (resend_at) WHERE resend_at IS NOT NULL`,
  `CREATE INDEX guests_email ON guests (lower(email))`,
  `CREATE TABLE suppressions (
    owner text NOT NULL,
    channel text NOT NULL,
    digest text NOT NULL,
    address text,
    reason text NOT NULL,
    detail text,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (owner, channel, digest)
  )`
]

export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* Effect.forEach(statements, (statement) => sql.unsafe(statement), { discard: true })
})
