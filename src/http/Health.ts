/** Two questions for whoever runs the process: is it alive, and may it be sent requests. */
import { Context, Effect, Layer } from "effect"
import { HttpRouter, HttpServerResponse } from "effect/http"
import { Ping } from "../database/Ping.ts"
import { Drain } from "./Drain.ts"
import { Unavailable } from "./Problems.ts"

const headers = { "cache-control": "no-store" }

const alive = HttpServerResponse.jsonUnsafe({ status: "alive" }, { headers })

/** What is wrong around a process that can do its work all the same, for whoever reads `/health/ready`; none by default. */
export const ReadinessNotice = Context.Reference<Effect.Effect<string | undefined>>(
  "guichet/http/ReadinessNotice",
  { defaultValue: () => Effect.succeed(undefined) }
)

/** Why a process must not be sent requests although its database answers; undefined when it may; nothing by default. */
export const ReadinessFault = Context.Reference<Effect.Effect<string | undefined>>(
  "guichet/http/ReadinessFault",
  { defaultValue: () => Effect.succeed(undefined) }
)

/** The same of what every process needs, a service too: a loop that turns, a database and a file store that can be written. */
export const ProcessFault = Context.Reference<Effect.Effect<string | undefined>>(
  "guichet/http/ProcessFault",
  { defaultValue: () => Effect.succeed(undefined) }
)

const ready = (notice: string | undefined) =>
  HttpServerResponse.jsonUnsafe({ status: "ready", ...(notice === undefined ? {} : { notice }) }, { headers })

const notReady = (detail: string) => new Unavailable({ detail, retry_after: 5 })

/** `/health/live` asks nobody; `/health/ready` asks the database, for two seconds at most, the drain, and what moves. */
export const layer: Layer.Layer<never, never, HttpRouter.HttpRouter | Ping | Drain> = HttpRouter.use(
  Effect.fnUntraced(function* (router) {
    const ping = yield* Ping
    const drain = yield* Drain
    const notice = yield* ReadinessNotice
    const faults = [yield* ProcessFault, yield* ReadinessFault]
    const readiness = Effect.gen(function* () {
      if (yield* drain.draining) {
        return yield* notReady("This process is stopping: send requests to another one.")
      }
      if (!(yield* ping.answers)) {
        return yield* notReady("The database does not answer: try again when it does.")
      }
      for (const fault of faults) {
        const why = yield* fault
        if (why !== undefined) return yield* notReady(why)
      }
      return ready(yield* notice)
    })
    yield* router.add("GET", "/health/live", alive)
    yield* router.add(
      "GET",
      "/health/ready",
      Effect.catchTag(readiness, "Unavailable", (problem) =>
        Effect.succeed(HttpServerResponse.jsonUnsafe(
          {
            type: problem.type,
            title: problem.title,
            detail: problem.detail,
            retry_after: problem.retry_after
          },
          { status: problem.status, headers }
        )))
    )
  })
)
