/**
 * Renders tickets on threads, a signal in the middle, ends the threads, and says nothing: what is written comes from a
 * thread, and a failure from one that broke.
 */
import { Effect } from "effect"
import process from "node:process"
import { RenderPool } from "../../src/services/generator/RenderPool.ts"
import { options } from "../services/generator/GeneratorFixture.ts"
import { pressOn, printables, renderThread } from "./RenderThreads.ts"

/** As a server that drains: it has heard it, and goes on. */
const signaled = Effect.callback<void>((resume) => {
  process.once("SIGTERM", () => resume(Effect.void))
  process.kill(process.pid, "SIGTERM")
})

const program = Effect.gen(function* () {
  const press = yield* RenderPool
  yield* press.render(printables(16), options)
  yield* Effect.all([press.render(printables(80), options), signaled], { concurrency: 2 })
})

await Effect.runPromise(Effect.provide(program, pressOn(renderThread)))
