/** Who did what: written in the statement that does it, so that neither is there without the other. */
import { Context, Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import type { Fragment } from "effect/sql/Statement"
import { AuditAction } from "../../../rpc/Steering.ts"
import { storable } from "../../../rpc/values/Values.ts"
import * as KeysetPage from "../KeysetPage.ts"
import * as Rows from "../Rows.ts"

/** Whoever does it: a token, or the command line of the installation. */
export interface Actor {
  readonly id: string
  readonly role: string
}

export const commandLine: Actor = { id: "command line", role: "admin" }

/** What the log may be filtered by. */
export const AuditFilters = {
  action: Schema.optionalKey(AuditAction),
  subject: Schema.optionalKey(storable(200))
}
type AuditFilters = Schema.Struct<typeof AuditFilters>["Type"]

const Row = Schema.Struct({
  seq: Schema.Int,
  at: Rows.At,
  actor: Schema.String,
  role: Schema.String,
  organizer: Schema.String,
  action: AuditAction,
  subject: Schema.String
})

/**
 * A CTE that notes an action on each row of the CTE `done`, which has an `owner` and a `subject_id`: on none where nothing was
 * done.
 */
export const noting = (sql: SqlClient.SqlClient, done: string, action: AuditAction, by: Actor): Fragment =>
  sql`noted AS (
    INSERT INTO audit_log (owner, caller, role, kind, subject_id)
    SELECT owner, ${by.id}, ${by.role}, ${action}, subject_id FROM ${sql(done)})`

export class AuditLog extends Context.Service<AuditLog, {
  readonly page: KeysetPage.Read<AuditFilters, typeof Row.Type>
}>()("guichet/store/AuditLog") {
  static readonly layer: Layer.Layer<AuditLog, never, SqlClient.SqlClient> = Layer.effect(
    AuditLog,
    Effect.map(SqlClient.SqlClient, (sql) => ({
      page: KeysetPage.make<typeof Row, AuditFilters>(
        sql,
        "audit_log",
        "seq, at, caller AS actor, role, owner AS organizer, kind AS action, subject_id AS subject",
        Row,
        {
          action: (action) => sql`kind = ${action}`,
          subject: (subject) => sql`subject_id = ${subject}`
        }
      )
    }))
  )
}
