/** Any command in a process of its own, which a test may kill; none outlives its scope. */
import { Effect, type Scope } from "effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import process from "node:process"
import { createInterface } from "node:readline"
import type { ChildProgram } from "./ChildProgram.ts"

/** Where the command runs and as whom; without `uid` and `gid` it is the user who runs the tests. */
export interface CommandOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly uid?: number
  readonly gid?: number
  /** What it is called when it ends too early. */
  readonly name?: string
}

/** Starts it; its end, after a signal too, is the end of whoever inherited its output as well. */
export const startCommand = (
  command: string,
  args: ReadonlyArray<string>,
  { env, name = command, ...options }: CommandOptions = {}
): Effect.Effect<ChildProgram, never, Scope.Scope> =>
  Effect.gen(function* () {
    const child = spawn(command, args, {
      ...options,
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
      signal: (signal) => Effect.sync(() => void process.kill(child.pid ?? 0, signal)),
      exit: Effect.promise(() => exit),
      line: (matches) =>
        Effect.callback<string>((resume) => {
          const look = () => {
            const found = lines.find(matches)
            if (found !== undefined) resume(Effect.succeed(found))
            else if (!running) resume(Effect.die(new Error(`${name} ended:\n${lines.join("\n")}`)))
          }
          listeners.add(look)
          look()
          return Effect.sync(() => listeners.delete(look))
        })
    }
  })
