/** A server's resident memory while it works. */
import { residentMiB } from "./Server.ts"

/** MiB; `tenths` is the most in each tenth of the work, in their order. */
export interface MemoryCurve {
  readonly start: number
  readonly peak: number
  readonly tenths: ReadonlyArray<number>
}

const everyMs = 100

/** Samples ten times a second until it is stopped; `share` says how much of the work is done, 0 to 1. */
export const watchMemory = (pid: number, share: () => number): { readonly stop: () => MemoryCurve } => {
  const start = residentMiB(pid)
  const tenths: Array<number> = Array.from({ length: 10 }, () => 0)
  const sample = () => {
    const at = Math.min(Math.floor(share() * 10), 9)
    tenths[at] = Math.max(tenths[at] ?? 0, residentMiB(pid))
  }
  const timer = setInterval(sample, everyMs)
  return {
    stop: () => {
      sample()
      clearInterval(timer)
      return { start, peak: Math.max(start, ...tenths), tenths }
    }
  }
}
