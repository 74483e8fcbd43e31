/** Rendering alone on as many threads as the generator has: what a job cannot be faster than. */
import { once } from "node:events"
import { availableParallelism } from "node:os"
import process from "node:process"
import { Worker } from "node:worker_threads"
import type { Portion } from "./RenderOnly.ts"

/** As many threads as the generator renders on, by the same variable. */
export const threads: number = Math.max(
  Number(process.env.TICKET_THREADS || Math.min(availableParallelism(), 8)),
  1
)

const portionSize = 50

/** Threads that have started and are warm. */
export interface PureRendering {
  /** Seconds for tickets 1 to `count` of an event; whichever thread is free takes the next fifty. */
  readonly measure: (eventId: number, count: number) => Promise<number>
  readonly stop: () => Promise<void>
}

const ask = async (worker: Worker, portion: Portion): Promise<void> => {
  const answered = once(worker, "message")
  worker.postMessage(portion)
  await answered
}

export const startPureRendering = async (): Promise<PureRendering> => {
  const workers = Array.from({ length: threads }, () => new Worker(new URL("RenderOnly.ts", import.meta.url)))
  await Promise.all(workers.map((worker) => once(worker, "message")))
  const measure = async (eventId: number, count: number): Promise<number> => {
    let next = 1
    const began = performance.now()
    await Promise.all(workers.map(async (worker) => {
      while (next <= count) {
        const first = next
        next += portionSize
        await ask(worker, { eventId, first, count: Math.min(portionSize, count - first + 1) })
      }
    }))
    return (performance.now() - began) / 1_000
  }
  await measure(1, 200 * threads)
  return {
    measure,
    stop: async () => {
      await Promise.all(workers.map((worker) => worker.terminate()))
    }
  }
}
