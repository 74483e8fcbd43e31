/** Logs a failure of ours once, by what it is and where it arose, without the values that were in it. */
import { Cause, Effect, Predicate } from "effect"
import { HttpServerError } from "effect/http"

const frames = (stack: string | undefined): ReadonlyArray<string> =>
  (stack ?? "").split("\n").map((line) => line.trim()).filter((line) => line.startsWith("at ")).slice(0, 12)

/** The chain of error names, reasons and database codes; messages may quote personal data and stay out. */
const chain = (error: unknown, depth = 0): ReadonlyArray<string> => {
  if (depth > 5 || !Predicate.isObject(error)) return []
  const name = Predicate.hasProperty(error, "_tag")
    ? error._tag
    : Predicate.hasProperty(error, "name")
    ? error.name
    : ""
  const code = Predicate.hasProperty(error, "code") && Predicate.isString(error.code) ? `(${error.code})` : ""
  const inner = Predicate.hasProperty(error, "reason") && Predicate.isObject(error.reason)
    ? error.reason
    : Predicate.hasProperty(error, "cause")
    ? error.cause
    : undefined
  return [`${name}${code}`, ...chain(inner, depth + 1)]
}

const describe = (reason: Cause.Reason<unknown>) => {
  if (Cause.isInterruptReason(reason)) return { kind: "interrupt" }
  const error = Cause.isFailReason(reason) ? reason.error : reason.defect
  return {
    kind: Cause.isFailReason(reason) ? "failure" : "defect",
    error: chain(error).join(" < "),
    at: frames(error instanceof Error ? error.stack : undefined)
  }
}

/** Reports a cause that will be answered 5xx; refusals and clients that left are no faults. */
export const reportFault = (cause: Cause.Cause<unknown>): Effect.Effect<void> =>
  Effect.flatMap(
    HttpServerError.causeResponse(cause),
    ([response]) =>
      response.status < 500 || Cause.hasInterruptsOnly(cause)
        ? Effect.void
        : Effect.logError("The request failed on our side", { faults: cause.reasons.map(describe) }).pipe(
          Effect.andThen(Effect.logDebug("The cause of the failed request", cause))
        )
  )
