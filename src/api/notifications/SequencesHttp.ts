/** Answers for flow 5: a sequence is stored, then runs until its last step or its cancellation. */
import { Effect } from "effect"
import { HttpApiBuilder, HttpApiSchema } from "effect/http-api"
import { WorkflowEngine } from "effect/workflow"
import { managers } from "../../../rpc/values/Caller.ts"
import { NotificationSequence, Reminders, type SequenceRequest } from "../../../rpc/NotificationSequence.ts"
import { waitingSteps } from "../../notifications/SequenceSteps.ts"
import { EventNumbers } from "../../store/EventNumbers.ts"
import { NotificationStore } from "../../store/notifications/NotificationStore.ts"
import { SequenceStore, shownSequence, type Stored } from "../../store/notifications/SequenceStore.ts"
import { SequencesGroup } from "./SequencesApi.ts"
import { apiOf } from "../rules/CoreApi.ts"
import { requireRole } from "../rules/CurrentCaller.ts"
import { resourceId } from "../rules/ResourceId.ts"
import { ownEvent } from "../rules/OwnEvent.ts"
import { visible } from "../rules/Visible.ts"

const accept = Effect.fn("SequencesHttp.start")(function* (request: SequenceRequest) {
  const { event_id: eventId, owner } = yield* (yield* ownEvent)(request.event_id)
  const sequences = yield* SequenceStore
  const sequenceId = yield* resourceId("seq", request, sequences.current)
  const executionId = yield* NotificationSequence.executionId({ sequenceId })
  yield* sequences.accept({ sequenceId, executionId, owner, eventId, request })
  yield* NotificationSequence.execute({ sequenceId }, { discard: true })
  const stored = yield* Effect.orDie(Effect.flatMap(sequences.get(sequenceId), Effect.fromOption))
  const location = `/api/orchestration/notification-flow/${sequenceId}`
  return HttpApiSchema.withHeaders({
    body: { flow_id: sequenceId, status: stored.status, status_url: location },
    headers: { location }
  })
})

export const SequencesHttpLayer = HttpApiBuilder.group(
  apiOf(SequencesGroup),
  "sequences",
  Effect.fn(function* (handlers) {
    const sequences = yield* SequenceStore
    const ledger = yield* NotificationStore
    const numbers = yield* EventNumbers
    const engine = yield* WorkflowEngine.WorkflowEngine
    const own = (sequenceId: string) => visible("notification flow", sequences.get(sequenceId))
    const view = (sequence: Stored) =>
      Effect.map(
        ledger.ofSequence(sequence.sequence_id),
        (messages) => ({
          ...shownSequence(sequence),
          messages,
          waiting: waitingSteps(sequence, messages.map(({ message_id }) => message_id))
        })
      )
    return handlers.handleAll({
      start: ({ payload }) =>
        accept(payload).pipe(
          Effect.provideService(WorkflowEngine.WorkflowEngine, engine),
          Effect.provideService(EventNumbers, numbers),
          Effect.provideService(SequenceStore, sequences)
        ),
      get: ({ params }) => Effect.flatMap(own(params.sequence_id), view),
      cancel: ({ params }) =>
        Effect.gen(function* () {
          yield* requireRole(...managers)
          const sequence = yield* own(params.sequence_id)
          yield* sequences.finish(sequence.sequence_id, "canceled")
          yield* ledger.cancel({ sequenceId: sequence.sequence_id })
          const workflow = sequence.user_id === null ? Reminders : NotificationSequence
          yield* workflow.interrupt(sequence.execution_id).pipe(
            Effect.provideService(WorkflowEngine.WorkflowEngine, engine)
          )
          return yield* Effect.flatMap(own(params.sequence_id), view)
        })
    })
  })
)
