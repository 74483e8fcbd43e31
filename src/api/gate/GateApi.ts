/** The gate over HTTP as an organiser watches it, and the rules of what looks odd there. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { GateScan, GateView } from "../../../rpc/Gate.ts"
import { EventNumber } from "../../../rpc/values/Ids.ts"
import { GateRules } from "../../../rpc/Scan.ts"
import { Authorization } from "../rules/Authorization.ts"
import { Forbidden, NotFound, TooManyRequests, Unavailable } from "../../http/Problems.ts"
import { ProblemMiddleware, strictParsing } from "../../http/ProblemMiddleware.ts"

/** `id` is the last scan that was sent to the client; a `gate` stands as of that scan. */
export const GateSse = Schema.Union([
  Schema.Struct({
    id: Schema.String,
    event: Schema.Literal("scan"),
    data: Schema.fromJsonString(GateScan)
  }),
  Schema.Struct({
    id: Schema.String,
    event: Schema.Literal("gate"),
    data: Schema.fromJsonString(GateView)
  })
])

/** The last scan that a client was sent; without it the feed starts with the gate as it stands. */
const lastSeq = {
  "last-event-id": Schema.optionalKey(Schema.String.check(Schema.isPattern(/^\d{1,15}$/)))
}

const params = { event_id: EventNumber }

export class GateGroup extends HttpApiGroup.make("gate").add(
  HttpApiEndpoint.get("view", "/events/:event_id/gate", {
    params,
    success: GateView,
    error: [Forbidden, NotFound]
  }).annotateMerge(OpenApi.annotations({ summary: "Who is inside, and what each gate admits and refuses" })),
  HttpApiEndpoint.get("events", "/events/:event_id/gate/events", {
    params,
    headers: lastSeq,
    success: HttpApiSchema.StreamSse({ events: GateSse }),
    error: [Forbidden, NotFound, TooManyRequests]
  }).annotateMerge(
    OpenApi.annotations({ summary: "The gate, live, scan by scan; resumes after Last-Event-ID" })
  ),
  HttpApiEndpoint.get("rules", "/events/:event_id/gate-rules", {
    params,
    success: GateRules,
    error: [Forbidden, NotFound]
  }).annotateMerge(OpenApi.annotations({ summary: "When a scan looks odd, and what follows" })),
  HttpApiEndpoint.put("setRules", "/events/:event_id/gate-rules", {
    params,
    payload: GateRules,
    success: GateRules,
    error: [Forbidden, NotFound, Unavailable]
  }).annotateMerge(OpenApi.annotations({ summary: "Replace the rules of what looks odd" }))
)
  .middleware(ProblemMiddleware)
  .middleware(Authorization)
  .annotateMerge(strictParsing)
  .annotateMerge(OpenApi.annotations({
    title: "Live gate",
    description: "The gate as it is watched: counters, a feed of scans, and the rules of suspicion."
  })) {}
