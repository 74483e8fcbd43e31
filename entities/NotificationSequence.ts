/** Notification sequences and reminders as durable workflows: what was sent is never sent again. */
import { DateTime, Duration, Effect, Layer, Option, Schema } from "effect"
import { Activity, DurableClock } from "effect/workflow"
import { NotificationSequence, Reminders } from "../rpc/NotificationSequence.ts"
import { outlast } from "../src/Durable.ts"
import { Triggers } from "../src/notifications/Triggers.ts"
import { sendDue } from "../src/sequences/DueReminders.ts"
import { runStep } from "../src/sequences/SequenceSteps.ts"
import { SequenceStore } from "../src/store/SequenceStore.ts"

const SequenceLayer = NotificationSequence.toLayer(
  Effect.fnUntraced(function*({ sequenceId }, executionId) {
    const sequences = yield* SequenceStore
    const triggers = yield* Triggers
    const stored = yield* outlast(sequences.get(sequenceId))
    if (Option.isNone(stored)) return yield* Effect.die(`The sequence ${sequenceId} is not stored`)
    const sequence = stored.value

    yield* Activity.make({
      name: "catch-up",
      execute: outlast(triggers.catchUp(executionId, sequence.event_id, sequence.user_id))
    })
    yield* Effect.forEach(
      sequence.config.notification_sequence,
      (step, position) => runStep(sequence, step, position),
      { concurrency: "unbounded", discard: true }
    )
    yield* Activity.make({ name: "finish", execute: outlast(sequences.finish(sequenceId, "completed")) })
  })
)

const RemindersLayer = Reminders.toLayer(
  Effect.fnUntraced(function*({ reminders, sequenceId }) {
    for (const { at, type } of [...reminders].sort((one, other) => DateTime.Order(one.at, other.at))) {
      const left = DateTime.distance(yield* DateTime.now, at)
      if (Duration.toMillis(left) > 0) yield* DurableClock.sleep({ name: `${type}/wait`, duration: left })
      for (let chunk = 1, more = true; more; chunk++) {
        more = yield* Activity.make({
          name: `${type}/${chunk}`,
          success: Schema.Boolean,
          execute: outlast(sendDue(sequenceId, type))
        })
      }
    }
  })
)

export const NotificationSequenceLayer = Layer.mergeAll(SequenceLayer, RemindersLayer)
