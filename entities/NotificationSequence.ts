/** Notification sequences and reminders as durable workflows: what was sent is never sent again. */
import { Cause, DateTime, Duration, Effect, Layer, Option } from "effect"
import { Activity, DurableClock } from "effect/workflow"
import { NotificationSequence, Reminders } from "../rpc/NotificationSequence.ts"
import { outlast } from "../src/Durable.ts"
import { logFault } from "../src/Faults.ts"
import { Triggers } from "../src/notifications/Triggers.ts"
import * as Once from "../src/services/notifications/Once.ts"
import { Round, sendDue } from "../src/sequences/DueReminders.ts"
import { type Delivered, runStep, type Sending } from "../src/sequences/SequenceSteps.ts"
import { SequenceStore } from "../src/store/SequenceStore.ts"

const run = Effect.fnUntraced(function* (sequenceId: string, executionId: string, sending: Sending) {
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
    (step, position) => runStep(sequence, step, position, sending),
    { concurrency: "unbounded", discard: true }
  )
  yield* Activity.make({ name: "finish", execute: outlast(sequences.finish(sequenceId, "completed")) })
})

/** The end of a sequence that met a defect: told in its status and in the log. */
const abandon = (sequenceId: string, defect: unknown) =>
  Activity.make({
    name: "abandon",
    execute: outlast(Effect.gen(function* () {
      yield* logFault("A notification sequence met a defect and is given up", Cause.die(defect))
      yield* (yield* SequenceStore).finish(sequenceId, "failed")
    }))
  })

const sequenceLayer = (sending: Sending) =>
  NotificationSequence.toLayer(({ sequenceId }, executionId) =>
    run(sequenceId, executionId, sending).pipe(
      Effect.catchDefect((defect) => abandon(sequenceId, defect))
    )
  )

/** A reminder is tried again every five minutes for an hour while failures may pass. */
const rounds = 12

const sendAll = Effect.fnUntraced(function* (sequenceId: string, type: string) {
  for (let round = 1; round <= rounds; round++) {
    let waiting = 0
    for (let after: string | null = ""; after !== null;) {
      const { last, retryable }: typeof Round.Type = yield* Activity.make({
        name: `${type}/${round}/${after}`,
        success: Round,
        execute: outlast(sendDue(sequenceId, type, after))
      })
      waiting += retryable
      after = last
    }
    if (waiting === 0) return
    yield* DurableClock.sleep({ name: `${type}/${round}/pause`, duration: "5 minutes" })
  }
})

const RemindersLayer = Reminders.toLayer(
  Effect.fnUntraced(function* ({ reminders, sequenceId }) {
    for (const { at, type } of [...reminders].sort((one, other) => DateTime.Order(one.at, other.at))) {
      const left = DateTime.distance(yield* DateTime.now, at)
      if (Duration.toMillis(left) > 0) yield* DurableClock.sleep({ name: `${type}/wait`, duration: left })
      yield* sendAll(sequenceId, type)
    }
  })
)

const SequenceLayer = Layer.unwrap(Effect.map(Once.make<typeof Delivered.Type, never>(10_000), sequenceLayer))

export const NotificationSequenceLayer = Layer.mergeAll(SequenceLayer, RemindersLayer)
