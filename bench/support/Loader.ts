/** The load generator's process, seen from the bench. */
import { spawn } from "node:child_process"
import process from "node:process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import type { LoadPlan, LoadResult } from "./LoadPlan.ts"

/** Runs one plan after the other. */
export interface Loader {
  readonly run: (plan: LoadPlan) => Promise<LoadResult>
  readonly stop: () => void
}

export const startLoader = (): Loader => {
  const child = spawn(process.execPath, ["run", "-A", fileURLToPath(new URL("Load.ts", import.meta.url))], {
    stdio: ["pipe", "pipe", "inherit"]
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    run: async (plan) => {
      child.stdin.write(`${JSON.stringify(plan)}\n`)
      const line = await lines.next()
      if (line.done) throw new Error("The load generator ended")
      return JSON.parse(line.value) as LoadResult
    },
    stop: () => child.kill("SIGTERM")
  }
}
