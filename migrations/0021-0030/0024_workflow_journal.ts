/**
 * How the steps of workflows ended, and which activation of each execution is the last one: only that one writes. What
 * Effect's engine kept of steps in the mailboxes stays there and is read with it, by an index of its own.
 */
import * as Effect from "effect/Effect"
import * as SqlClient from "effect/sql/SqlClient"

const statements = [
  `CREATE TABLE workflow_journal (
    execution text NOT NULL,
    key text NOT NULL,
    epoch int NOT NULL,
    exit text NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (execution, key)
  )`,
  `CREATE TABLE workflow_epochs (execution text PRIMARY KEY, epoch int NOT NULL)`
]

/** A new database has no mailboxes yet: whoever makes them makes this too. */
const steps = `CREATE INDEX IF NOT EXISTS cluster_messages_steps ON cluster_messages (entity_id)
  WHERE tag IN ('activity', 'deferred')`

export default Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  for (const statement of statements) yield* sql.unsafe(statement)
  const mailboxes = yield* sql`SELECT 1 WHERE to_regclass('cluster_messages') IS NOT NULL`
  if (mailboxes.length > 0) yield* sql.unsafe(steps)
})
