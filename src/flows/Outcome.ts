/** How a step of the flow ends. */
import { Schema } from "effect"

/** How a step ended; a failure is a value here, since the flow's options decide what follows from it. */
export const Outcome = Schema.Struct({
  status: Schema.Literals(["completed", "failed", "skipped"]),
  error: Schema.NullOr(Schema.Struct({ code: Schema.String, detail: Schema.String })),
  result: Schema.Json
})
export type Outcome = typeof Outcome.Type

export const completed = (result: Schema.Json = null): Outcome => ({
  status: "completed",
  error: null,
  result
})

export const failed = (code: string, detail: string, result: Schema.Json = null): Outcome => ({
  status: "failed",
  error: { code, detail },
  result
})

export const skipped = (detail: string): Outcome => ({
  status: "skipped",
  error: { code: "skipped", detail },
  result: null
})

export const timedOut = failed("timed_out", "The flow's timeout_seconds passed before this step was done.")
