/** Workflows in memory whose durable clocks ring at once, and which remember for how long they were set. */
import { Context, Duration, Effect, Layer } from "effect"
import { DurableClock, WorkflowEngine } from "effect/workflow"

/** The durable sleeps that workflows asked for, in milliseconds by name; each one once, however often it is replayed. */
export class Sleeps extends Context.Service<Sleeps, Map<string, number>>()("test/Sleeps") {}

/** An engine that forgets everything with its scope. */
export const layer: Layer.Layer<WorkflowEngine.WorkflowEngine | Sleeps> = Layer.effect(
  WorkflowEngine.WorkflowEngine,
  Effect.gen(function* () {
    const sleeps = yield* Sleeps
    const engine = yield* WorkflowEngine.WorkflowEngine
    const { scheduleClock } = engine
    // The engine hands itself to its workflows: only what is changed on it is seen by them.
    return Object.assign(engine, {
      scheduleClock: ((workflow, { clock, executionId }) => {
        sleeps.set(`${executionId}/${clock.name}`, Duration.toMillis(clock.duration))
        const quick = DurableClock.make({ name: clock.name, duration: "1 millis" })
        return scheduleClock(workflow, { executionId, clock: quick })
      }) satisfies typeof scheduleClock
    })
  })
).pipe(
  Layer.provide(WorkflowEngine.layerMemory),
  Layer.provideMerge(Layer.sync(Sleeps, () => new Map()))
)
