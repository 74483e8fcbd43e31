/** Which complete flows there are, in pages. */
import { Context, DateTime, Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { FlowStatus, StepName } from "../../../rpc/CompleteFlow.ts"
import { EventNumber, FlowId, PaymentId } from "../../../rpc/values/Ids.ts"
import { Instant } from "../../../rpc/values/Values.ts"
import { numberOf } from "../EventNumbers.ts"
import { standing } from "./FlowReads.ts"
import * as KeysetPage from "../KeysetPage.ts"

/** What the list of flows may be filtered by. */
export const FlowFilters = {
  status: Schema.optionalKey(FlowStatus),
  event_id: Schema.optionalKey(EventNumber),
  flow_id: Schema.optionalKey(FlowId),
  /** A guest by its number in the event. */
  guest_id: Schema.optionalKey(EventNumber),
  payment_id: Schema.optionalKey(PaymentId),
  /** Flows in which this step is running, or has failed. */
  step: Schema.optionalKey(StepName),
  /** The code of the flow's error, or of one of its steps'. */
  error: Schema.optionalKey(Schema.String.check(Schema.isPattern(/^[a-z_]{1,60}$/))),
  created_before: Schema.optionalKey(Instant),
  created_after: Schema.optionalKey(Instant)
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
          sql`event_id IN (SELECT n.event_id FROM event_numbers n WHERE n.number = ${number}::bigint)`,
        flow_id: (flowId) => sql`flow_id = ${flowId}`,
        guest_id: (guest) =>
          sql`EXISTS (SELECT 1 FROM tickets t WHERE t.flow_id = flows.flow_id AND t.guest_id = ${guest}::bigint)`,
        payment_id: (paymentId) =>
          sql`flow_id IN (SELECT p.flow_id FROM payments p WHERE p.payment_id = ${paymentId})`,
        step: (step) =>
          sql`EXISTS (SELECT 1 FROM flow_steps s WHERE s.flow_id = flows.flow_id AND s.step = ${step}
            AND s.status IN ('running', 'failed'))`,
        error: (code) =>
          sql`(error->>'code' = ${code} OR EXISTS (SELECT 1 FROM flow_steps s
            WHERE s.flow_id = flows.flow_id AND s.error->>'code' = ${code} AND s.status = 'failed'))`,
        created_before: (at) => sql`created_at < ${DateTime.toDateUtc(at)}::timestamptz`,
        created_after: (at) => sql`created_at >= ${DateTime.toDateUtc(at)}::timestamptz`
      })

      return { page }
    })
  )
}
