/** Eight activities, each with an effect that the journal does not know of, and a wait between the fourth and the fifth. */
import { Effect, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { Activity, DurableDeferred, Workflow } from "effect/workflow"

export const Go = DurableDeferred.make("go", { success: Schema.Int })

export const KillFlow = Workflow.make("KillFlow", {
  payload: { id: Schema.String },
  success: Schema.Int,
  idempotencyKey: ({ id }) => id
})

/** What each flow gives: its steps' numbers and what it is told. */
export const total = 8 * 9 / 2 + 100

export const effects = `
  CREATE TABLE effects (execution text, step int, life int, was_journaled boolean, was_early boolean)`

/** Whether the journal, or the mailbox of a version without one, has a step. */
const isKept = (sql: SqlClient.SqlClient, execution: string, step: number) =>
  sql`(
    EXISTS (SELECT 1 FROM workflow_journal WHERE execution = ${execution} AND key = ${`step-${step}/1`})
    OR EXISTS (
      SELECT 1 FROM cluster_messages m JOIN cluster_replies r ON r.request_id = m.request_id
      WHERE m.message_id = ${`Workflow/${execution}/activity/step-${step}/1`} AND r.payload LIKE '%"Complete"%'
    )
  )`

/** `life` counts the processes. */
export const killFlowLayer = (life: number) =>
  KillFlow.toLayer(Effect.fnUntraced(function* (_payload, executionId) {
    const sql = yield* SqlClient.SqlClient
    const execution = `KillFlow/${executionId}`
    let sum = 0
    for (let nth = 1; nth <= 8; nth++) {
      if (nth === 5) sum += yield* DurableDeferred.await(Go)
      sum += yield* Activity.make({
        name: `step-${nth}`,
        success: Schema.Int,
        execute: Effect.as(
          sql`
            INSERT INTO effects (execution, step, life, was_journaled, was_early)
            SELECT ${execution}, ${nth}::int, ${life}::int, ${isKept(sql, execution, nth)},
              ${nth}::int > 1 AND NOT ${isKept(sql, execution, nth - 1)}`,
          nth
        ).pipe(Effect.orDie)
      })
    }
    return sum
  }))
