/** A program of this repository in a process of its own, which a test may kill; none outlives its scope. */
import { Effect, type Scope } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import process from "node:process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"

/** A running child: its lines so far, and what a test does to it. */
export interface ChildProgram {
  readonly pid: number
  /** Every line of standard output and error, in order of arrival. */
  readonly lines: ReadonlyArray<string>
  /** The first line, seen or still to come, that satisfies the predicate; dies when the child ends before. */
  readonly line: (matches: (line: string) => boolean) => Effect.Effect<string>
  /** Sends the signal and waits for the end. */
  readonly kill: (signal: NodeJS.Signals) => Effect.Effect<void>
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
  Effect.gen(function* () {
    const file = fileURLToPath(new URL(`../../${path}`, import.meta.url))
    const child = spawn(process.execPath, [...runtimeArguments, file, ...args], {
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"]
    })
    let running = true
    const lines: Array<string> = []
    const listeners = new Set<() => void>()
    const notify = () => listeners.forEach((listener) => listener())
    const read = [child.stdout, child.stderr].map((stream) => {
      const reader = createInterface({ input: stream }).on("line", (line) => {
        lines.push(line)
        notify()
      })
      return once(reader, "close")
    })
    const exit: Promise<number | null> = Promise.all([once(child, "close"), ...read]).then(([[code]]) => {
      running = false
      notify()
      return code
    })
    // Not `child.kill`: on Deno it makes the exit code null, whatever the child answers to the signal.
    const kill = (signal: NodeJS.Signals) =>
      Effect.promise(async () => {
        if (running && child.exitCode === null && child.signalCode === null) {
          process.kill(child.pid ?? 0, signal)
        }
        await exit
      })
    yield* Effect.addFinalizer(() => kill("SIGKILL"))
    return {
      pid: child.pid ?? 0,
      lines,
      kill,
      exit: Effect.promise(() => exit),
      line: (matches) =>
        Effect.callback<string>((resume) => {
          const look = () => {
            const found = lines.find(matches)
            if (found !== undefined) resume(Effect.succeed(found))
            else if (!running) resume(Effect.die(new Error(`${path} ended:\n${lines.join("\n")}`)))
          }
          listeners.add(look)
          look()
          return Effect.sync(() => listeners.delete(look))
        })
    }
  })
