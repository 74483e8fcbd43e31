/**
 * What the journal knows of the inside of Effect's `ClusterWorkflowEngine`, read from `effect` 4.1.0. Everything else of it
 * is used as it is published. `test/cluster/journal/EngineSeams.test.ts` fails when a version says otherwise.
 *
 * - A workflow is an entity `Workflow/NAME` of the requests `run`, `activity`, `deferred` and `resume`; its id is the id of
 *   the execution. The entity of the clocks is no workflow.
 * - The handlers are built once an activation, and again after a defect. The engine's own `activityExecute` notes what is to
 *   be run and calls `activity` of the entity's client; the handler of `activity` runs it and answers `Suspended` when
 *   nobody noted it.
 * - A deferred that is told reaches the handler of `deferred`, which remembers it for its activation before anything else.
 *   What is not remembered is looked up as `requestIdForPrimaryKey` and `repliesForUnfiltered` of the storage, within the
 *   run that waits for it.
 * - A pending interrupt lets a replay go on to an activity whose reply is stored, which is looked up in the same way.
 */
import { Effect, Exit, Fiber, Schema } from "effect"
import { ClusterSchema } from "effect/cluster"
import type { Rpc } from "effect/rpc"
import type { Workflow } from "effect/workflow"

/** The version that this was read from. */
export const readFrom = "4.1.0"

const prefix = "Workflow/"

const clocks = "Workflow/-/DurableClock"

export const isWorkflow = (entityType: string): boolean =>
  entityType.startsWith(prefix) && entityType !== clocks

/** A workflow's name and the id of its execution, as the journal names it. */
export const executionOf = (
  { entityId, entityType }: { readonly entityId: string; readonly entityType: string }
): string => `${entityType.slice(prefix.length)}/${entityId}`

/** The payload of a request for an activity. */
export const ActivityPayload = Schema.Struct({
  name: Schema.String,
  attempt: Schema.Int,
  withTransaction: Schema.Boolean.pipe(Schema.withDecodingDefault(Effect.succeed(false)))
})

export type ActivityPayload = typeof ActivityPayload.Type

/** The id of a request for an activity. */
export const activityId = ({ attempt, name }: Pick<ActivityPayload, "name" | "attempt">): string =>
  `${name}/${attempt}`

/** The activity's attempt that an id means. */
export const activityOf = (id: string): Pick<ActivityPayload, "name" | "attempt"> => {
  const slash = id.lastIndexOf("/")
  return { name: id.slice(0, slash), attempt: Number(id.slice(slash + 1)) }
}

type Result = Workflow.Result<unknown, unknown>

/** The handlers of a workflow's entity that the journal stands before. */
export interface Handlers {
  readonly run: (request: never) => Rpc.WrapperOr<Effect.Effect<Result>>
  readonly activity: (
    request: { readonly payload: ActivityPayload }
  ) => Rpc.WrapperOr<Effect.Effect<Result>>
}

const AnyOrVoid = Schema.Union([Schema.Undefined, Schema.Any])

const ExitJson = Schema.toCodecJson(Schema.Exit(AnyOrVoid, AnyOrVoid, Schema.Defect()))

const encodeExit = Schema.encodeSync(ExitJson)

const decodeExit = Schema.decodeUnknownSync(ExitJson)

/** How an activity ended, as its reply has it: what it gave is in its JSON form already. */
export const exitText = (exit: Exit.Exit<unknown, unknown>): string =>
  Exit.isSuccess(exit)
    ? `{"_tag":"Success","value":${JSON.stringify(exit.value) ?? "null"}}`
    : JSON.stringify(encodeExit(exit))

export const exitOf = (text: string): Exit.Exit<unknown, unknown> => decodeExit(JSON.parse(text))

const CompleteReply = Schema.Struct({
  _tag: Schema.Literal("Success"),
  value: Schema.Struct({ _tag: Schema.Literal("Complete"), exit: Schema.Unknown })
})

const isComplete = Schema.is(CompleteReply)

/** How an activity ended by its stored reply; nothing of one that was suspended or is to be run again. */
export const exitTextOfReply = (payload: unknown): string | undefined =>
  isComplete(payload) ? JSON.stringify(payload.value.exit) : undefined

/** Leaves a run to its new owner, as the engine does: nothing is answered, and no compensation is run. */
export const abandon: Effect.Effect<never> = Effect.interruptible(Effect.callback<never>(() => {
  const fiber = Fiber.getCurrent()!
  fiber.interruptUnsafe(fiber.id, ClusterSchema.Abandon.annotation)
}))
