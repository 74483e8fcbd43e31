/** Calling an event off, and how far that is. */
import { Schema } from "effect"
import { HttpApiEndpoint, HttpApiGroup, HttpApiSchema, OpenApi } from "effect/http-api"
import { CanceledGuest, CancellationBody, CancellationView } from "../../../rpc/EventCancellation.ts"
import { EventNumber } from "../../../rpc/values/Ids.ts"
import { LimitedAs } from "../../limits/LimitClasses.ts"
import { Forbidden, InvalidRequest, NotFound } from "../../http/Problems.ts"
import { ProblemMiddleware, strictParsing } from "../../http/ProblemMiddleware.ts"
import { Link, Location } from "../../http/Shapes.ts"
import { Authorization } from "../rules/Authorization.ts"
import { Idempotency } from "../rules/Idempotency.ts"
import { PageQuery } from "../rules/NextPage.ts"

const params = { event_id: EventNumber }

/** By guest number; `next_cursor` is null on the last page. */
export const CanceledGuests = Schema.Struct({
  guests: Schema.Array(CanceledGuest),
  next_cursor: Schema.NullOr(Schema.String)
})

export class CancellationsGroup extends HttpApiGroup.make("cancellations").add(
  HttpApiEndpoint.post("callOff", "/events/:event_id/cancellation", {
    params,
    payload: CancellationBody,
    success: HttpApiSchema.WithHeaders(CancellationView.pipe(HttpApiSchema.status(202)), Location),
    error: [Forbidden, NotFound]
  }).annotate(LimitedAs, "work").annotateMerge(OpenApi.annotations({
    summary: "Call an event off",
    description:
      "The event is canceled at once. Its tickets are voided, all that was paid goes back, each payment is credited, and " +
      "every guest is told by e-mail, each once, whatever fails on the way. An event is called off once: the same request " +
      "again answers how far it is. This cannot be taken back."
  })),
  HttpApiEndpoint.get("cancellation", "/events/:event_id/cancellation", {
    params,
    success: CancellationView,
    error: [Forbidden, NotFound]
  }).annotateMerge(OpenApi.annotations({ summary: "Whether an event is called off, and how far that is" })),
  HttpApiEndpoint.get("report", "/events/:event_id/cancellation/guests", {
    params,
    query: PageQuery,
    success: HttpApiSchema.WithHeaders(CanceledGuests, Link),
    error: [Forbidden, NotFound, InvalidRequest]
  }).annotateMerge(OpenApi.annotations({
    summary: "What became of each guest of an event that is called off, in pages"
  }))
)
  .middleware(ProblemMiddleware)
  .middleware(Idempotency)
  .middleware(Authorization)
  .annotateMerge(strictParsing)
  .annotateMerge(OpenApi.annotations({
    title: "Events that are called off",
    description: "Tickets, money and messages of an event that does not take place."
  })) {}
