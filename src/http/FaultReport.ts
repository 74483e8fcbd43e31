/** Logs a request that failed on our side, once. */
import { Cause, Effect } from "effect"
import { HttpServerError, HttpServerResponse } from "effect/http"
import { faultsOf, isOutage, logFault } from "../telemetry/Faults.ts"

/** Reports a cause that will be answered 5xx; refusals and clients that left are no faults, and an outage is nobody's error. */
export const reportFault = (cause: Cause.Cause<unknown>): Effect.Effect<void> =>
  Effect.flatMap(
    HttpServerError.causeResponse(cause),
    ([response]) =>
      response.status < 500 || Cause.hasInterruptsOnly(cause)
        ? Effect.void
        : isOutage(cause)
        ? Effect.logWarning("The database could not answer a request", {
          faults: faultsOf(cause).map(({ error }) => error)
        })
        : logFault("The request failed on our side", cause)
  )

const away = HttpServerResponse.empty({ status: 503, headers: { "retry-after": "2" } })

/** Answers 503 while the database is away or asks to try again, whichever route asked: clients send the request again. */
export const answerOutage = <E, R>(
  answer: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>
): Effect.Effect<HttpServerResponse.HttpServerResponse, E, R> =>
  Effect.catchCauseIf(answer, isOutage, () => Effect.succeed(away))
