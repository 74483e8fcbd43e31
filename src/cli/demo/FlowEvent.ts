/** The server-sent events of one flow, as a client reads them. */
import { Schema } from "effect"
import { FlowStatus, StepName, StepStatus } from "../../../rpc/CompleteFlow.ts"
import { Instant } from "../../../rpc/values/Values.ts"

const event = <Kind extends string, Fields extends Schema.Struct.Fields>(kind: Kind, fields: Fields) =>
  Schema.Struct({
    event: Schema.Literal(kind),
    data: Schema.fromJsonString(Schema.Struct({ at: Instant, ...fields }))
  })

const Failure = Schema.optionalKey(Schema.Struct({ code: Schema.String, detail: Schema.String }))

const Result = Schema.optionalKey(Schema.Json)

/** What `GET /api/orchestration/flows/:flow_id/events` streams; `closed` is the last. */
export const FlowEvent = Schema.Union([
  event("step", { step: StepName, status: StepStatus, error: Failure, result: Result }),
  event("tickets", {
    generated: Schema.Int,
    failed: Schema.Int,
    total: Schema.Int,
    ticket_ids: Schema.Array(Schema.Int)
  }),
  event("messages", { sent: Schema.Int, failed: Schema.Int, guests: Schema.Int, of: Schema.Int }),
  event("closed", { status: FlowStatus, error: Failure })
])
export type FlowEvent = typeof FlowEvent.Type
