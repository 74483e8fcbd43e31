/** Flow 6 over HTTP: start it, read it, watch it. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { FlowFilters } from "../../store/flows/FlowIndex.ts"
import { CompleteFlowRequest, FlowStatus, FlowSummary, FlowView } from "../../../rpc/CompleteFlow.ts"
import { Timeline } from "../../../rpc/Steering.ts"
import { FlowId } from "../../../rpc/values/Ids.ts"
import { storable } from "../../../rpc/values/Values.ts"
import { MessageView } from "../../../rpc/NotificationSequence.ts"
import { LimitedAs } from "../../limits/LimitClasses.ts"
import { Authorization } from "../rules/Authorization.ts"
import { Idempotency } from "../rules/Idempotency.ts"
import { PageQuery } from "../rules/NextPage.ts"
import { Conflict, Forbidden, InvalidRequest, NotFound } from "../../http/Problems.ts"
import { ProblemMiddleware, strictParsing } from "../../http/ProblemMiddleware.ts"
import { FeedStream, lastEventId, Link, Location } from "../../http/Shapes.ts"

export const FlowAccepted = Schema.Struct({
  flow_id: FlowId,
  status: FlowStatus,
  status_url: Schema.String,
  events_url: Schema.String
})

/** A page of the ledger, by message id; `next` is the address of the one after it, also in `Link: rel="next"`. */
export const MessagePage = Schema.Struct({
  messages: Schema.Array(MessageView),
  next: Schema.NullOr(Schema.String)
})

/** Which page, and which flows; a flow must fit every filter. */
export const FlowsQuery = { ...PageQuery, ...FlowFilters }

/** Newest first; `next_cursor` is null on the last page. */
export const FlowsPage = Schema.Struct({
  flows: Schema.Array(FlowSummary),
  next_cursor: Schema.NullOr(Schema.String)
})

const params = { flow_id: FlowId }

export class FlowsGroup extends HttpApiGroup.make("flows").add(
  HttpApiEndpoint.post("start", "/orchestration/complete-flow", {
    payload: CompleteFlowRequest,
    success: HttpApiSchema.WithHeaders(FlowAccepted.pipe(HttpApiSchema.status(202)), Location),
    error: [Forbidden, InvalidRequest]
  }).annotate(LimitedAs, "work").annotateMerge(OpenApi.annotations({
    summary: "Run the complete flow",
    description:
      "Under one Idempotency-Key it is one flow for ever. Without a key, the same body is the same flow, " +
      "however it ended, so that nobody is charged twice; but one that `failed` is tried anew, a minute after it was " +
      "asked for and once nothing of its payment stands. To run a flow again that has ended otherwise, send a new key."
  })),
  HttpApiEndpoint.get("list", "/orchestration/flows", {
    query: FlowsQuery,
    success: HttpApiSchema.WithHeaders(FlowsPage, Link),
    error: [Forbidden, InvalidRequest]
  }).annotateMerge(OpenApi.annotations({
    summary: "Your complete flows, newest first, in pages",
    description:
      "Without their steps; an admin sees everybody's. A flow must fit every filter: `step` is one that is " +
      "running or has failed, `error` the code of the flow's error or of a step's, `guest_id` a guest with a ticket of it."
  })),
  HttpApiEndpoint.get("get", "/orchestration/flows/:flow_id", {
    params,
    success: FlowView,
    error: [Forbidden, NotFound]
  }).annotateMerge(OpenApi.annotations({
    summary: "The eight steps of a flow and its status",
    description:
      "Messages that cannot be delivered for now do not fail the step `notifications`: its result counts them as `waiting`, they are tried for a day, and the step follows. When some of them are given up or refused for good, the step becomes failed, and a completed flow completed_with_errors."
  })),
  HttpApiEndpoint.get("timeline", "/orchestration/flows/:flow_id/timeline", {
    params,
    success: Timeline,
    error: [Forbidden, NotFound]
  }).annotateMerge(OpenApi.annotations({
    summary: "What happened to a flow, its job, its payment and its messages, oldest first",
    description: "Messages are counted by the minute; each is in the ledger. What operators did is there too."
  })),
  HttpApiEndpoint.post("cancel", "/orchestration/flows/:flow_id/cancel", {
    params,
    success: FlowView.pipe(HttpApiSchema.status(202)),
    error: [Forbidden, NotFound, Conflict]
  }).annotateMerge(OpenApi.annotations({
    summary: "End a flow and compensate what it has done",
    description:
      "What waits is ended within seconds, what has not begun is skipped; its tickets are void and its payment is " +
      "canceled or refunded, whatever its options say. It then is `failed` with the error `canceled`. A step that is under " +
      "way is not interrupted, and a flow that completes meanwhile stays completed. 409 when it has ended already."
  })),
  HttpApiEndpoint.get("events", "/orchestration/flows/:flow_id/events", {
    params,
    headers: lastEventId,
    success: FeedStream,
    error: [Forbidden, NotFound]
  }).annotateMerge(
    OpenApi.annotations({ summary: "What happens to a flow, live; resumes after Last-Event-ID" })
  ),
  HttpApiEndpoint.get("messages", "/orchestration/flows/:flow_id/messages", {
    params,
    query: {
      after: Schema.optionalKey(storable(200)),
      limit: Schema.optionalKey(
        Schema.FiniteFromString.check(Schema.isInt(), Schema.isBetween({ minimum: 1, maximum: 1_000 }))
      )
    },
    success: HttpApiSchema.WithHeaders(MessagePage, Link),
    error: [Forbidden, NotFound]
  }).annotateMerge(OpenApi.annotations({ summary: "The ledger of a flow's messages, reminders included" }))
)
  .middleware(ProblemMiddleware)
  .middleware(Idempotency)
  .middleware(Authorization)
  .annotateMerge(strictParsing)
  .annotateMerge(OpenApi.annotations({
    title: "Complete flow",
    description: "Flow 6: one request that does all of it, and its status, live and stored."
  })) {}
