/** Answers for flow 6: a request becomes a stored flow, then a running one. */
import { DateTime, Effect } from "effect"
import { HttpApiBuilder, HttpApiSchema } from "effect/http-api"
import { WorkflowEngine } from "effect/workflow"
import { managers } from "../../../rpc/values/Caller.ts"
import { CompleteFlow, type CompleteFlowRequest } from "../../../rpc/CompleteFlow.ts"
import { EventNumbers } from "../../store/EventNumbers.ts"
import { FeedStore } from "../../store/flows/FeedStore.ts"
import { FlowIndex } from "../../store/flows/FlowIndex.ts"
import { FlowSteering } from "../../store/flows/FlowSteering.ts"
import { feedOf, FlowStore } from "../../store/flows/FlowStore.ts"
import { NotificationStore } from "../../store/notifications/NotificationStore.ts"
import { TemplateStore } from "../../store/tickets/TemplateStore.ts"
import { FlowsGroup } from "./FlowsApi.ts"
import { apiOf } from "../rules/CoreApi.ts"
import { CurrentCaller, requireRole } from "../rules/CurrentCaller.ts"
import { Drain } from "../../http/Drain.ts"
import { nextPage, pageSize } from "../rules/NextPage.ts"
import { Conflict, InvalidRequest } from "../../http/Problems.ts"
import { Seats } from "../../limits/Seats.ts"
import { resourceId } from "../rules/ResourceId.ts"
import { seated } from "../rules/Seated.ts"
import { mayRead, ownerOf, visible } from "../rules/Visible.ts"
import { live } from "../../http/Sse.ts"

/** Messages on a page, unless `limit` says otherwise. */
const messagesOnPage = 200

/** What the body alone cannot show: its template exists. */
const admissible = Effect.fnUntraced(function* (request: CompleteFlowRequest) {
  const templates = yield* TemplateStore
  if (!(yield* templates.exists(request.ticket_config.template_id))) {
    return yield* InvalidRequest.at("/ticket_config/template_id", "There is no template with this id.")
  }
})

const accept = Effect.fn("FlowsHttp.start")(function* (request: CompleteFlowRequest) {
  const caller = yield* requireRole(...managers)
  yield* admissible(request)
  const flows = yield* FlowStore
  const flowId = yield* resourceId("flow", request, flows.current)
  const executionId = yield* CompleteFlow.executionId({ flowId })
  const deadline = DateTime.add(yield* DateTime.now, {
    seconds: request.orchestration_options.timeout_seconds
  })
  const [eventId] = yield* (yield* EventNumbers).reserve(caller.owner, [request.event_data.event_id])
  const status = yield* flows.accept({
    flowId,
    executionId,
    owner: caller.owner,
    eventId: eventId!,
    request,
    deadline
  })
  yield* CompleteFlow.execute({ flowId }, { discard: true })
  const location = `/api/orchestration/flows/${flowId}`
  return HttpApiSchema.withHeaders({
    body: { flow_id: flowId, status, status_url: location, events_url: `${location}/events` },
    headers: { location }
  })
})

export const FlowsHttpLayer = HttpApiBuilder.group(
  apiOf(FlowsGroup),
  "flows",
  Effect.fn(function* (handlers) {
    const flows = yield* FlowStore
    const index = yield* FlowIndex
    const steering = yield* FlowSteering
    const feeds = yield* FeedStore
    const drain = yield* Drain
    const seats = yield* Seats
    const ledger = yield* NotificationStore
    const engine = yield* WorkflowEngine.WorkflowEngine
    const templates = yield* TemplateStore
    const numbers = yield* EventNumbers
    const own = (flowId: string) => visible("flow", flows.view(flowId))
    /** Without a read of what is the caller's, once it is remembered. */
    const known = (flowId: string) =>
      visible(
        "flow",
        Effect.flatMap(CurrentCaller, (caller) => flows.ownerOf(flowId, (owner) => mayRead(caller, owner)))
      )
    return handlers.handleAll({
      start: ({ payload }) =>
        accept(payload).pipe(
          Effect.provideService(WorkflowEngine.WorkflowEngine, engine),
          Effect.provideService(FlowStore, flows),
          Effect.provideService(TemplateStore, templates),
          Effect.provideService(EventNumbers, numbers)
        ),
      list: ({ query: { cursor, limit = pageSize, ...filters } }) =>
        Effect.gen(function* () {
          const page = yield* index.page({ owner: yield* ownerOf, before: cursor, limit }, filters)
          const { headers, next_cursor } = yield* nextPage("/api/orchestration/flows", page)
          return HttpApiSchema.withHeaders({ body: { flows: page.rows, next_cursor }, headers })
        }),
      get: ({ params }) => own(params.flow_id),
      timeline: ({ params }) => Effect.andThen(own(params.flow_id), steering.timeline(params.flow_id)),
      cancel: ({ params }) =>
        Effect.gen(function* () {
          const { role, tokenId } = yield* requireRole(...managers)
          yield* own(params.flow_id)
          if (!(yield* steering.cancel(params.flow_id, { id: tokenId, role }))) {
            return yield* new Conflict({ detail: "This flow has ended: there is nothing to cancel." })
          }
          return yield* own(params.flow_id)
        }),
      events: ({ headers, params }) =>
        live(
          drain,
          seated(
            seats,
            Effect.map(
              known(params.flow_id),
              () => feeds.watch(feedOf(params.flow_id), Number(headers["last-event-id"] ?? 0))
            )
          )
        ),
      messages: ({ params, query }) =>
        Effect.gen(function* () {
          yield* known(params.flow_id)
          const limit = query.limit ?? messagesOnPage
          const messages = yield* ledger.ofFlow(params.flow_id, { after: query.after ?? "", limit })
          const last = messages.length === limit ? messages[limit - 1]!.message_id : null
          const path = `/api/orchestration/flows/${params.flow_id}/messages`
          const next = last === null ? null : `${path}?limit=${limit}&after=${encodeURIComponent(last)}`
          return HttpApiSchema.withHeaders({
            body: { messages, next },
            headers: next === null ? {} : { link: `<${next}>; rel="next"` }
          })
        })
    })
  })
)
