/**
 * Branches of one workflow that wait beside each other. A branch that suspends ends all others unless they are counted
 * as active then; nothing would wake the workflow for what they had not done. The engine counts activities and awaits,
 * not the beginning of a branch and not the setting of a clock. Where the database answers in this process, as the
 * embedded one does, the first branch suspends before the second begins.
 */
import { Duration, Effect, Latch } from "effect"
import { DurableClock, DurableDeferred, Workflow, WorkflowEngine } from "effect/workflow"

/** Counts work as an activity while it runs; unlike one it is not stored, and runs again in a replay. */
const counted = <A, E, R>(work: Effect.Effect<A, E, R>) => Workflow.wrapActivityResult(work, () => false)

/** Runs all branches side by side; none of them suspends the workflow before each has begun. */
export const all = <E, R>(branches: ReadonlyArray<Effect.Effect<void, E, R>>) =>
  Effect.suspend(() => {
    const begun = Latch.makeUnsafe(branches.length === 0)
    let waiting = branches.length
    const begin = Effect.sync(() => {
      if (--waiting === 0) begun.openUnsafe()
    })
    return Effect.all(
      [counted(begun.await), ...branches.map((branch) => Effect.andThen(begin, branch))],
      { concurrency: "unbounded", discard: true }
    )
  })

/** `DurableClock.sleep` for a branch: its clock is set before another one suspends. */
export const sleep = Effect.fnUntraced(function* (name: string, duration: Duration.Duration) {
  if (Duration.isZero(duration)) return
  const engine = yield* WorkflowEngine.WorkflowEngine
  const { executionId, workflow } = yield* WorkflowEngine.WorkflowInstance
  const clock = DurableClock.make({ name, duration })
  yield* counted(engine.scheduleClock(workflow, { executionId, clock }))
  yield* DurableDeferred.await(clock.deferred)
})
