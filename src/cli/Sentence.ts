/** Failures that an operator can mend end as one sentence on standard error and exit code 1, not as a trace. */
import { Config, Console, Effect, Runtime, Schema, SchemaIssue } from "effect"
import process from "node:process"

/** Carries the exit code and nothing to print. */
class Reported extends Error {
  override readonly [Runtime.errorReported] = false
  override readonly [Runtime.errorExitCode] = 1
}

const issuesOf = SchemaIssue.makeFormatterStandardSchemaV1()

/** Each wrong variable by its name, never with its value: it may be a secret. */
const configSentence = ({ cause }: Config.ConfigError): string => {
  if (!Schema.isSchemaError(cause)) return `The configuration cannot be read: ${cause.message}`
  return issuesOf(cause.issue).issues.map(({ message, path = [] }) => {
    const variable = path.map(String).join("_")
    return message === "Expected string"
      ? `${variable} is not set.`
      : `${variable} is wrong: ${message.replaceAll(" | ", " or ")}.`
  }).join(" ")
}

/** What Deno did not allow, wherever a library has wrapped it: the name of its flag. */
const deniedBy = (error: unknown): string | undefined => {
  if (!(error instanceof Error)) return undefined
  if (error.name !== "NotCapable") return deniedBy(error.cause)
  return /--allow-\w+/.exec(error.message)?.[0] ?? "--allow-all"
}

/** What an error says for itself, and how to allow what Deno did not. */
export const sentenceOf = (error: unknown): string => {
  if (error instanceof Config.ConfigError) return configSentence(error)
  const said = error instanceof Error && error.message !== "" ? error.message : String(error)
  const flag = deniedBy(error)
  return flag === undefined ?
    said :
    `${said} Deno does not allow it: the tasks write only in .guichet. Grant ` +
    `${flag} for it, or everything: deno run -A src/main.ts ${process.argv[2] ?? "serve"}`
}

/** Prints the failure's own sentence; defects keep their trace. */
export const reportFailure = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, Reported, R> =>
  Effect.catch(
    effect,
    (error) => Effect.andThen(Console.error(`guichet: ${sentenceOf(error)}`), Effect.fail(new Reported()))
  )
