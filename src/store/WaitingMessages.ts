/** Which messages still wait to be delivered: those that nothing was tried of, and those whose failure may pass. */
import type { SqlClient } from "effect/sql"

/** Of a row of `notifications`, by that name or by another that the statement gives it. */
export const waits = (sql: SqlClient.SqlClient, row = "notifications") =>
  sql.literal(`(${row}.status = 'scheduled' OR (${row}.status = 'failed' AND ${row}.retryable))`)
