/** The load generator's process, seen from the bench. */
import { spawn } from "node:child_process"
import process from "node:process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import type { LoadPlan, LoadResult } from "./LoadPlan.ts"

/** Runs one plan after the other. */
export interface Loader<Plan = LoadPlan, Result = LoadResult> {
  readonly run: (plan: Plan) => Promise<Result>
  readonly stop: () => void
}

/** Starts the generator of scans, or another program of this folder that answers a line with a line. */
export const startLoader = <Plan = LoadPlan, Result = LoadResult>(
  program = "Load.ts"
): Loader<Plan, Result> => {
  const child = spawn(process.execPath, ["run", "-A", fileURLToPath(new URL(program, import.meta.url))], {
    stdio: ["pipe", "pipe", "inherit"]
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    run: async (plan) => {
      child.stdin.write(`${JSON.stringify(plan)}\n`)
      const line = await lines.next()
      if (line.done) throw new Error("The load generator ended")
      return JSON.parse(line.value) as Result
    },
    stop: () => child.kill("SIGTERM")
  }
}
