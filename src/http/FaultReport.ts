/** Logs a request that failed on our side, once. */
import { Cause, Effect } from "effect"
import { HttpServerError } from "effect/http"
import { logFault } from "../Faults.ts"

/** Reports a cause that will be answered 5xx; refusals and clients that left are no faults. */
export const reportFault = (cause: Cause.Cause<unknown>): Effect.Effect<void> =>
  Effect.flatMap(
    HttpServerError.causeResponse(cause),
    ([response]) =>
      response.status < 500 || Cause.hasInterruptsOnly(cause)
        ? Effect.void
        : logFault("The request failed on our side", cause)
  )
