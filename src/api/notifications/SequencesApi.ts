/** Flow 5 over HTTP: configure a notification sequence, read its ledger, cancel it. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { SequenceId } from "../../../rpc/values/Ids.ts"
import { SequenceRequest, SequenceStatus, SequenceView } from "../../../rpc/NotificationSequence.ts"
import { LimitedAs } from "../../limits/LimitClasses.ts"
import { Authorization } from "../rules/Authorization.ts"
import { Idempotency } from "../rules/Idempotency.ts"
import { Forbidden, NotFound } from "../../http/Problems.ts"
import { ProblemMiddleware, strictParsing } from "../../http/ProblemMiddleware.ts"
import { Location } from "../../http/Shapes.ts"

export const SequenceAccepted = Schema.Struct({
  flow_id: SequenceId,
  status: SequenceStatus,
  status_url: Schema.String
})

const params = { sequence_id: SequenceId }

export class SequencesGroup extends HttpApiGroup.make("sequences").add(
  HttpApiEndpoint.post("start", "/orchestration/notification-flow", {
    payload: SequenceRequest,
    success: HttpApiSchema.WithHeaders(SequenceAccepted.pipe(HttpApiSchema.status(202)), Location),
    error: [Forbidden, NotFound]
  }).annotate(LimitedAs, "work").annotateMerge(OpenApi.annotations({
    summary: "Configure a notification sequence",
    description:
      "Under one Idempotency-Key it is one sequence for ever. Without a key, the same body is the same " +
      "sequence, so that no guest is notified twice; but one that was `canceled` begins anew, and so does one that " +
      "`failed`, a minute after it was asked for. To send a completed sequence again, send a new key."
  })),
  HttpApiEndpoint.get("get", "/orchestration/notification-flow/:sequence_id", {
    params,
    success: SequenceView,
    error: [Forbidden, NotFound]
  }).annotateMerge(OpenApi.annotations({ summary: "A sequence and the ledger of its messages" })),
  HttpApiEndpoint.post("cancel", "/orchestration/notification-flow/:sequence_id/cancel", {
    params,
    success: SequenceView,
    error: [Forbidden, NotFound]
  }).annotateMerge(OpenApi.annotations({ summary: "Send nothing more of a sequence" }))
)
  .middleware(ProblemMiddleware)
  .middleware(Idempotency)
  .middleware(Authorization)
  .annotateMerge(strictParsing)
  .annotateMerge(OpenApi.annotations({
    title: "Notification sequences",
    description:
      "Flow 5: messages to one guest, each after its trigger and delay. The reminders of a complete flow (its " +
      "`reminders_id`) are read and canceled here too; their `user_id` is null."
  })) {}
