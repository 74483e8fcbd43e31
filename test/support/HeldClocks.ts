/** Workflows in memory whose durable clocks ring when the test says so. */
import { Context, Duration, Effect, Exit, Layer, Queue } from "effect"
import { WorkflowEngine } from "effect/workflow"

/** A clock that a workflow sleeps by. */
export interface Sleeper {
  readonly name: string
  readonly millis: number
  readonly ring: Effect.Effect<void>
}

/** The clocks in the order in which they were set; a replay sets none again. */
export class Asleep extends Context.Service<Asleep, Queue.Queue<Sleeper>>()("test/Asleep") {}

/** An engine that forgets everything with its scope. */
export const layer: Layer.Layer<WorkflowEngine.WorkflowEngine | Asleep> = Layer.effect(
  WorkflowEngine.WorkflowEngine,
  Effect.gen(function* () {
    const asleep = yield* Asleep
    const engine = yield* WorkflowEngine.WorkflowEngine
    const known = new Set<string>()
    // The engine hands itself to its workflows: only what is changed on it is seen by them.
    return Object.assign(engine, {
      scheduleClock: ((workflow, { clock, executionId }) =>
        Effect.suspend(() => {
          const id = `${executionId}/${clock.name}`
          if (known.has(id)) return Effect.void
          known.add(id)
          const ring = engine.deferredDone(clock.deferred, {
            workflowName: workflow._tag,
            executionId,
            deferredName: clock.deferred.name,
            exit: Exit.void
          })
          return Effect.asVoid(
            Queue.offer(asleep, { name: clock.name, millis: Duration.toMillis(clock.duration), ring })
          )
        })) satisfies typeof engine.scheduleClock
    })
  })
).pipe(
  Layer.provide(WorkflowEngine.layerMemory),
  Layer.provideMerge(Layer.effect(Asleep, Queue.unbounded<Sleeper>()))
)
