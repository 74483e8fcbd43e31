/** Notification sequences and reminders as durable workflows: what was sent is never sent again. */
import { Cause, Effect, Layer, Option } from "effect"
import { Activity, DurableClock } from "effect/workflow"
import { NotificationSequence, Reminders } from "../rpc/NotificationSequence.ts"
import { outlive, retryTransient } from "../src/durable/Retry.ts"
import { logFault } from "../src/telemetry/Faults.ts"
import * as OrchestrationLog from "../src/telemetry/OrchestrationLog.ts"
import { Triggers } from "../src/notifications/Triggers.ts"
import * as SingleFlight from "../src/durable/SingleFlight.ts"
import * as ParallelBranches from "../src/durable/ParallelBranches.ts"
import { Round, sendDue } from "../src/notifications/DueReminders.ts"
import { waitFor } from "../src/notifications/Reminder.ts"
import { type Delivered, runStep, type Sending } from "../src/notifications/SequenceSteps.ts"
import { NotificationStore } from "../src/store/notifications/NotificationStore.ts"
import { SequenceStore } from "../src/store/notifications/SequenceStore.ts"

const finish = (sequenceId: string) =>
  Activity.make({
    name: "finish",
    execute: retryTransient(
      Effect.flatMap(SequenceStore, (sequences) => sequences.finish(sequenceId, "completed"))
    )
  })

const run = Effect.fnUntraced(function* (sequenceId: string, executionId: string, sending: Sending) {
  const triggers = yield* Triggers
  const stored = yield* retryTransient((yield* SequenceStore).get(sequenceId))
  if (Option.isNone(stored) || stored.value.user_id === null) {
    return yield* Effect.die(`The sequence ${sequenceId} is not stored`)
  }
  const sequence = stored.value

  yield* Activity.make({
    name: "catch-up",
    execute: retryTransient(triggers.catchUp(executionId, sequence.event_id, sequence.user_id))
  })
  yield* ParallelBranches.all(
    sequence.config.notification_sequence.map((step, position) => runStep(sequence, step, position, sending))
  )
  yield* finish(sequenceId)
})

/** The end of a sequence that met a defect: recorded in its status and in the log. */
const abandon = (sequenceId: string, defect: unknown) =>
  Activity.make({
    name: "abandon",
    execute: retryTransient(Effect.gen(function* () {
      yield* logFault("A notification sequence met a defect and is given up", Cause.die(defect))
      yield* (yield* SequenceStore).finish(sequenceId, "failed")
    }))
  })

/** Only a defect that does not pass ends a sequence. */
const orAbandon = <E, R>(sequenceId: string, sequence: Effect.Effect<void, E, R>) =>
  outlive(Effect.catchDefect(outlive(sequence), (defect) => abandon(sequenceId, defect)))

const sequenceLayer = (sending: Sending) =>
  NotificationSequence.toLayer(({ sequenceId }, executionId) =>
    orAbandon(sequenceId, OrchestrationLog.within(sequenceId)(run(sequenceId, executionId, sending)))
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
        execute: retryTransient(sendDue(sequenceId, type, after))
      })
      waiting += retryable
      after = last
    }
    if (waiting === 0) return
    yield* DurableClock.sleep({ name: `${type}/${round}/pause`, duration: "5 minutes" })
  }
})

const runReminders = Effect.fnUntraced(function* (sequenceId: string) {
  const stored = yield* retryTransient((yield* SequenceStore).get(sequenceId))
  if (Option.isNone(stored) || stored.value.user_id !== null) {
    return yield* Effect.die(`The reminders ${sequenceId} are not stored`)
  }
  const { config: { reminders }, event_id: eventId } = stored.value
  for (
    const { hours_before: hours, type } of [...reminders].sort((a, b) => b.hours_before - a.hours_before)
  ) {
    yield* waitFor(
      { eventId, hours, name: type },
      (at) => Effect.flatMap(NotificationStore, (ledger) => ledger.reschedule({ sequenceId, type }, at))
    )
    yield* sendAll(sequenceId, type)
  }
  yield* finish(sequenceId)
})

export const RemindersLayer = Reminders.toLayer(({ sequenceId }) =>
  orAbandon(sequenceId, OrchestrationLog.within(sequenceId)(runReminders(sequenceId)))
)

export const NotificationSequenceLayer = Layer.unwrap(
  Effect.map(SingleFlight.make<typeof Delivered.Type, never>(10_000), sequenceLayer)
)
