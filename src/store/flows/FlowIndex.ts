/** Which complete flows there are, in pages. */
import { Context, Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { FlowStatus } from "../../../rpc/CompleteFlow.ts"
import { Failure } from "./FlowStore.ts"
import * as KeysetPage from "../KeysetPage.ts"
import * as Rows from "../Rows.ts"

/** Which page, newest flow first: those that fit every filter that is given. */
export interface FlowsRequest extends KeysetPage.Request {
  readonly status?: FlowStatus | undefined
  readonly eventId?: number | undefined
}

const SummaryRow = Schema.Struct({
  seq: Schema.Int,
  flow_id: Schema.String,
  flow_type: Schema.Literal("complete_event_flow"),
  event_id: Schema.Int,
  status: FlowStatus,
  created_at: Rows.At,
  started_at: Rows.AtOrNull,
  finished_at: Rows.AtOrNull,
  deadline: Rows.At,
  error: Failure
})

const columns = Object.keys(SummaryRow.fields).join(", ")

export class FlowIndex extends Context.Service<FlowIndex, {
  readonly page: (request: FlowsRequest) => Effect.Effect<KeysetPage.Page<typeof SummaryRow.Type>>
}>()("guichet/store/flows/FlowIndex") {
  static readonly layer: Layer.Layer<FlowIndex, never, SqlClient.SqlClient> = Layer.effect(
    FlowIndex,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const newest = KeysetPage.make(sql, "flows", columns, SummaryRow)

      const page = (request: FlowsRequest) =>
        newest(request, [
          ...KeysetPage.when(request.status, (status) => sql`status = ${status}`),
          ...KeysetPage.when(request.eventId, (eventId) => sql`event_id = ${eventId}::bigint`)
        ])

      return { page }
    })
  )
}
