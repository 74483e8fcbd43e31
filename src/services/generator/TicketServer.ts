/** Serves the ticket generator's contract: a chunk is answered 202 once it is in the queue. */
import { DateTime, Effect, Layer } from "effect"
import { HttpApiBuilder } from "effect/http-api"
import { Unavailable } from "../../http/Problems.ts"
import * as TraceParent from "../../telemetry/TraceParent.ts"
import { GeneratorQueue } from "./GeneratorQueue.ts"
import { TicketApi } from "./TicketApi.ts"

/** The handlers: the same `X-Request-ID` again is answered again and queued once. */
export const TicketHandlersLayer = HttpApiBuilder.group(
  TicketApi,
  "tickets",
  Effect.fnUntraced(function* (handlers) {
    const queue = yield* GeneratorQueue
    return handlers.handle(
      "generate",
      Effect.fnUntraced(function* ({ headers, payload }) {
        const queuedAt = yield* DateTime.now
        const owner = headers["x-job-owner"]
        yield* queue.offer({
          chunk_id: headers["x-request-id"],
          priority: headers["x-job-priority"] ?? "normal",
          ...(owner === undefined ? {} : { owner }),
          queued_at: queuedAt,
          job: payload,
          trace: yield* TraceParent.current
        }).pipe(Effect.mapError(() =>
          new Unavailable({
            detail:
              "The queue cannot be written now: send the same tickets again, under the same X-Request-ID.",
            retry_after: 2
          })
        ))
        return { job_id: payload.job_id, accepted: payload.tickets.length, queued_at: queuedAt }
      })
    )
  })
)

/** The routes of the service; it leaves the queue and the guards of the contract open. */
export const TicketServerLayer = HttpApiBuilder.layer(TicketApi).pipe(Layer.provide(TicketHandlersLayer))
