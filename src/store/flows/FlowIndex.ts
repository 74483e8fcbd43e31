/** Which complete flows there are, in pages. */
import { Context, Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { FlowStatus } from "../../../rpc/CompleteFlow.ts"
import { EventNumber } from "../../../rpc/values/Ids.ts"
import { numberOf } from "../EventNumbers.ts"
import { standing } from "./FlowReads.ts"
import * as KeysetPage from "../KeysetPage.ts"

/** What the list of flows may be filtered by. */
export const FlowFilters = {
  status: Schema.optionalKey(FlowStatus),
  event_id: Schema.optionalKey(EventNumber)
}
type FlowFilters = Schema.Struct<typeof FlowFilters>["Type"]

const SummaryRow = Schema.Struct({
  seq: Schema.Int,
  flow_type: Schema.Literal("complete_event_flow"),
  ...standing
})

const columns = Object.keys(SummaryRow.fields).map((column) =>
  column === "event_id" ? `${numberOf("flows.event_id")} AS event_id` : column
).join(", ")

export class FlowIndex extends Context.Service<FlowIndex, {
  readonly page: KeysetPage.Read<FlowFilters, typeof SummaryRow.Type>
}>()("guichet/store/flows/FlowIndex") {
  static readonly layer: Layer.Layer<FlowIndex, never, SqlClient.SqlClient> = Layer.effect(
    FlowIndex,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const page = KeysetPage.make<typeof SummaryRow, FlowFilters>(sql, "flows", columns, SummaryRow, {
        status: (status) => sql`status = ${status}`,
        event_id: (number) =>
          sql`event_id IN (SELECT n.event_id FROM event_numbers n WHERE n.number = ${number}::bigint)`
      })

      return { page }
    })
  )
}
