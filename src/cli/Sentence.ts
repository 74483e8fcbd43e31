/** Failures that an operator can mend end as one sentence on standard error and exit code 1, not as a trace. */
import { Config, Console, Effect, Runtime } from "effect"

/** Carries the exit code and nothing to print. */
class Told extends Error {
  override readonly [Runtime.errorReported] = false
  override readonly [Runtime.errorExitCode] = 1
}

/** What an error says for itself. */
export const sentenceOf = (error: unknown): string => {
  if (error instanceof Config.ConfigError) {
    return `The configuration is wrong: ${error.cause.message.replace(/\s*\n\s*/g, " ")}`
  }
  return error instanceof Error && error.message !== "" ? error.message : String(error)
}

/** Prints the failure's own sentence; defects keep their trace. */
export const told = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, Told, R> =>
  Effect.catch(
    effect,
    (error) => Effect.andThen(Console.error(`guichet: ${sentenceOf(error)}`), Effect.fail(new Told()))
  )
