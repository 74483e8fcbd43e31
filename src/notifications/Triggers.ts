/** Notifies sequences of what happened to their users: registered, ticket made, payment settled. */
import { Context, Effect, Exit, Layer } from "effect"
import { DurableDeferred, WorkflowEngine } from "effect/workflow"
import { NotificationSequence, type Trigger, triggered } from "../../rpc/NotificationSequence.ts"
import { SequenceStore } from "../store/notifications/SequenceStore.ts"
import { EventId } from "../../rpc/values/Ids.ts"

export class Triggers extends Context.Service<Triggers, {
  /** Remembered for sequences configured later; a second firing changes nothing. */
  readonly fire: (eventId: EventId, userIds: ReadonlyArray<number>, trigger: Trigger) => Effect.Effect<void>
  /** Wakes one execution for what had happened before it was configured. */
  readonly catchUp: (executionId: string, eventId: EventId, userId: number) => Effect.Effect<void>
}>()("guichet/notifications/Triggers") {
  static readonly layer = Layer.effect(
    Triggers,
    Effect.gen(function* () {
      const store = yield* SequenceStore
      const engine = yield* WorkflowEngine.WorkflowEngine

      const wake = (trigger: Trigger) => (executionId: string) =>
        DurableDeferred.done(triggered(trigger), {
          token: DurableDeferred.tokenFromExecutionId(triggered(trigger), {
            workflow: NotificationSequence,
            executionId
          }),
          exit: Exit.succeed("fired" as const)
        }).pipe(Effect.provideService(WorkflowEngine.WorkflowEngine, engine))

      const fire: Triggers["Service"]["fire"] = Effect.fn("Triggers.fire")(
        function* (eventId, userIds, trigger) {
          const waiting = yield* store.fire(eventId, userIds, trigger)
          yield* Effect.forEach(waiting, wake(trigger), { discard: true })
        }
      )

      const catchUp: Triggers["Service"]["catchUp"] = Effect.fn("Triggers.catchUp")(
        function* (executionId, eventId, userId) {
          const fired = yield* store.fired(eventId, userId)
          yield* Effect.forEach(fired, (trigger) => wake(trigger)(executionId), { discard: true })
        }
      )

      return { fire, catchUp }
    })
  )
}
