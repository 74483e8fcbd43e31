/** What a fault is and where it arose, for the log, without the values that were in it. */
import { Cause, Effect, Predicate } from "effect"
import { fateOf } from "../database/TransientFault.ts"

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

/** One reason of a cause, for a log line. */
const describe = (reason: Cause.Reason<unknown>) => {
  if (Cause.isInterruptReason(reason)) return { kind: "interrupt" }
  const error = Cause.isFailReason(reason) ? reason.error : reason.defect
  return {
    kind: Cause.isFailReason(reason) ? "failure" : "defect",
    error: chain(error).join(" < "),
    at: frames(error instanceof Error ? error.stack : undefined)
  }
}

/** The reasons of a cause, fit for a log line: no message, no parameter, no name of a person. */
export const faultsOf = (cause: Cause.Cause<unknown>) => cause.reasons.map(describe)

/** Whether a cause is the database's being away or asking to try again, and nothing else: it passes, and hits all alike. */
export const isOutage = (cause: Cause.Cause<unknown>): boolean => {
  const faults = cause.reasons.filter((reason) => !Cause.isInterruptReason(reason))
  return faults.length > 0 &&
    faults.every((reason) => fateOf(Cause.isFailReason(reason) ? reason.error : reason.defect) === "passes")
}

/** Logs a fault of ours as an error; its messages are there at the debug level only. */
export const logFault = (message: string, cause: Cause.Cause<unknown>): Effect.Effect<void> =>
  Effect.logError(message, { faults: faultsOf(cause) }).pipe(
    Effect.andThen(Effect.logDebug("The cause of the fault above", cause))
  )
