/** What a scan is answered with: the verdict, and a sentence for the steward. */
import { DateTime, Effect, Schema } from "effect"
import { Verdict } from "../../rpc/Scan.ts"
import { localeOf, sentence } from "./Sentences.ts"

/** `message` follows `Accept-Language`; `took_ms` is the time the server took. */
export const ScanAnswer = Schema.Struct({
  ...Verdict.fields,
  message: Schema.String,
  took_ms: Schema.Finite
})
export type ScanAnswer = typeof ScanAnswer.Type

/** Decides and puts the decision into words. */
export const answer = <E, R>(
  decision: Effect.Effect<Verdict, E, R>,
  acceptLanguage: string | undefined
): Effect.Effect<ScanAnswer, E, R> =>
  Effect.gen(function* () {
    const begun = yield* DateTime.now
    const verdict = yield* decision
    const took_ms = DateTime.toEpochMillis(yield* DateTime.now) - DateTime.toEpochMillis(begun)
    return { ...verdict, message: sentence(verdict, localeOf(acceptLanguage)), took_ms }
  })
