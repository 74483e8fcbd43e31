/** Watches over running sequences: wakes those whose event has moved, and ends the waiting of those whose trigger never came. */
import { DateTime, Duration, Effect, Exit } from "effect"
import { DurableClock, DurableDeferred } from "effect/workflow"
import { NotificationSequence, Reminders, triggered } from "../../rpc/NotificationSequence.ts"
import * as Keeper from "../durable/Keeper.ts"
import { SequenceStore, type Stored } from "../store/notifications/SequenceStore.ts"
import { clockOf } from "./Reminder.ts"
import { keyOf, patienceDays, reminderHours } from "./SequenceSteps.ts"

const tokenOf = (stored: Stored) => ({
  workflow: stored.user_id === null ? Reminders : NotificationSequence,
  executionId: stored.execution_id
})

/** What of a sequence sleeps until some time before its event. */
const sleepersOf = (stored: Stored): ReadonlyArray<string> =>
  stored.user_id === null
    ? stored.config.reminders.map(({ type }) => type)
    : stored.config.notification_sequence.flatMap((step, position) =>
      step.trigger === "scheduled" && reminderHours(step) !== null ? [keyOf(step, position)] : []
    )

const wake = Effect.fnUntraced(function* (stored: Stored, version: number) {
  for (const sleeper of sleepersOf(stored)) {
    const { deferred } = DurableClock.make({ name: clockOf(sleeper, version), duration: Duration.zero })
    yield* DurableDeferred.done(deferred, {
      token: DurableDeferred.tokenFromExecutionId(deferred, tokenOf(stored)),
      exit: Exit.void
    })
  }
})

const letGo = Effect.fnUntraced(function* (stored: Stored) {
  if (stored.user_id === null) return
  for (const trigger of new Set(stored.config.notification_sequence.map((step) => step.trigger))) {
    const deferred = triggered(trigger)
    yield* DurableDeferred.done(deferred, {
      token: DurableDeferred.tokenFromExecutionId(deferred, tokenOf(stored)),
      exit: Exit.succeed("over")
    })
  }
})

/** One look: what this does, it may do again, and it is noted once it is done. */
export const keep = Effect.gen(function* () {
  const sequences = yield* SequenceStore
  for (const { sequence, seen, version } of yield* sequences.moved) {
    for (let earlier = seen; earlier < version; earlier++) yield* wake(sequence, earlier)
    yield* sequences.saw(sequence.sequence_id, version)
  }
  const now = yield* DateTime.now
  for (const sequence of yield* sequences.stranded(DateTime.subtract(now, { days: patienceDays }))) {
    yield* letGo(sequence)
    yield* sequences.letGo(sequence.sequence_id)
  }
})

/** Runs on one process of the cluster, once a minute. */
export const SequenceKeeperLayer = Keeper.make("SequenceKeeper", keep, "1 minute")
