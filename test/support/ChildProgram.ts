/** A program of this repository in a process of its own, which a test may kill; none outlives its scope. */
import { Effect, type Scope } from "effect"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { startCommand } from "./ChildCommand.ts"

/** A running child: its lines so far, and what a test does to it. */
export interface ChildProgram {
  readonly pid: number
  /** Every line of standard output and error, in order of arrival. */
  readonly lines: ReadonlyArray<string>
  /** The first line, seen or still to come, that satisfies the predicate; dies when the child ends before. */
  readonly line: (matches: (line: string) => boolean) => Effect.Effect<string>
  /** Sends the signal and waits for the end. */
  readonly kill: (signal: NodeJS.Signals) => Effect.Effect<void>
  /** Sends a signal that does not end it. */
  readonly signal: (signal: "SIGSTOP" | "SIGCONT") => Effect.Effect<void>
  /** Waits for the end and answers the exit code, null after a signal. */
  readonly exit: Effect.Effect<number | null>
}

const runtimeArguments = "Deno" in globalThis ? ["run", "-A", "--no-check"] : []

/** Starts `path` (from the repository's root) on the runtime that runs the tests. */
export const startProgram = (
  path: string,
  args: ReadonlyArray<string> = [],
  env: Readonly<Record<string, string>> = {}
): Effect.Effect<ChildProgram, never, Scope.Scope> =>
  Effect.suspend(() => {
    const file = fileURLToPath(new URL(`../../${path}`, import.meta.url))
    return startCommand(process.execPath, [...runtimeArguments, file, ...args], { env, name: path })
  })
