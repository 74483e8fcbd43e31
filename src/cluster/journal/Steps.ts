/**
 * Activities in the fiber of their run: each leaves one row, and what has its row never runs again. An activity that was
 * interrupted, or whose process ended before its row was written, runs again.
 *
 * | the step            | in memory  | in the database | who asks for it now                     |
 * |---------------------|------------|-----------------|-----------------------------------------|
 * | is not known        | nothing    | nothing         | runs it                                 |
 * | runs                | under way  | nothing         | waits for its end                       |
 * | is being recorded   | under way  | perhaps         | waits, also when its run was preempted  |
 * | is recorded         | its exit   | its exit        | is given it                             |
 * | belongs to a later activation | over | that one's | is abandoned                            |
 */
import { Cause, Data, Deferred, Effect, Exit, Fiber } from "effect"
import type { MessageStorage } from "effect/cluster"
import { Rpc } from "effect/rpc"
import type { SqlError } from "effect/sql/SqlError"
import { Workflow } from "effect/workflow"
import { isTransient } from "../../database/TransientFault.ts"
import type { Activation } from "./Activation.ts"
import { abandon, type ActivityPayload, exitOf, exitText } from "./EngineSeams.ts"
import { type JournalStore, keyOf } from "./JournalStore.ts"

type Result = Workflow.Result<unknown, unknown>

/** What the journal has of a step, a step that waits for something itself, or nothing: a later activation goes on. */
type Ended = string | Workflow.Suspended | undefined

/** A step that ended; read from its text each time, so that the first run is given the same as every replay. */
const complete = (exit: string): Result => new Workflow.Complete({ exit: exitOf(exit) })

/** What it stands on. */
export interface Options {
  readonly journal: JournalStore
  readonly storage: MessageStorage.MessageStorage["Service"]
  readonly hasShard: (activation: Activation) => boolean
}

export interface Steps {
  /** Runs an activity of the activation, or gives what it left. */
  readonly run: (activation: Activation, payload: ActivityPayload) => Effect.Effect<Result>
}

/** A transaction whose row was refused rolls back. */
class Refused extends Data.TaggedError("Refused") {}

/** A run that meets this begins anew, with what is stored then: the engine runs an activity once each time it asks for it. */
const mayPass = (cause: Cause.Cause<Refused | SqlError>): boolean =>
  isTransient(cause) ||
  cause.reasons.some((reason) => Cause.isFailReason(reason) && reason.error instanceof Refused)

export const make = ({ hasShard, journal, storage }: Options): Steps => {
  /** What the journal has from now on, in memory too; undefined when a later activation goes on. */
  const keep = (activation: Activation, key: string) => (exit: string | undefined) =>
    Effect.sync(() => {
      if (exit === undefined) activation.isOver = true
      else activation.steps.set(key, exit)
    })

  /** Goes on when its run is preempted: the next one waits for it. */
  const record = (activation: Activation, key: string, exit: Exit.Exit<unknown, unknown>) =>
    Effect.suspend(() => {
      const { epoch, execution } = activation
      return journal.record({ execution, epoch, key, exit: exitText(exit) })
    }).pipe(Effect.tap(keep(activation, key)))

  /** The activity's own statements commit with its row, or not at all. */
  const inTransaction = (
    activation: Activation,
    key: string,
    work: Effect.Effect<Result>
  ): Effect.Effect<Ended> => {
    const { epoch, execution } = activation
    const written = Effect.flatMap(work, (result): Effect.Effect<Ended, Refused | SqlError> => {
      if (result._tag === "Suspended") return Effect.succeed(result)
      const exit = exitText(result.exit)
      return Effect.flatMap(
        journal.recordInside({ execution, epoch, key, exit }),
        (isWritten) => isWritten ? Effect.succeed(exit) : Effect.fail(new Refused())
      )
    })
    return Effect.matchCauseEffect(storage.withTransaction(written), {
      onFailure: (cause) =>
        Cause.hasInterrupts(cause) ? Effect.failCause(cause) : Effect.flatMap(
          // It was there before, perhaps by a commit whose answer was lost.
          journal.find({ execution, epoch, key }),
          (exit) => exit !== undefined || mayPass(cause) ? Effect.succeed(exit) : Effect.failCause(cause)
        ),
      onSuccess: Effect.succeed
    }).pipe(
      Effect.orDie,
      Effect.tap((ended) => typeof ended === "object" ? Effect.void : keep(activation, key)(ended))
    )
  }

  const begin = (activation: Activation, key: string, payload: ActivityPayload): Effect.Effect<Ended> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        const ended = Deferred.makeUnsafe<Workflow.Suspended | undefined>()
        activation.underWay.set(key, ended)
        const release = (suspended?: Workflow.Suspended) =>
          Effect.sync(() => {
            activation.underWay.delete(key)
            Deferred.doneUnsafe(ended, Exit.succeed(suspended))
          })
        const work = Effect.suspend(() => Rpc.unwrap(activation.handlers!.activity({ payload })))
        if (payload.withTransaction) {
          return yield* Effect.onExit(
            restore(inTransaction(activation, key, work)),
            (exit) => release(Exit.isSuccess(exit) && typeof exit.value === "object" ? exit.value : undefined)
          )
        }
        const result = yield* Effect.onExit(
          restore(work),
          (exit) =>
            Exit.isSuccess(exit) && exit.value._tag === "Complete" ? Effect.void : release(
              Exit.isSuccess(exit) && exit.value._tag === "Suspended" ? exit.value : undefined
            )
        )
        if (result._tag === "Suspended") return result
        const recording = yield* record(activation, key, result.exit).pipe(
          Effect.ensuring(release()),
          Effect.forkIn(activation.scope, { startImmediately: true })
        )
        return yield* restore(Fiber.join(recording))
      })
    )

  const beginAnew = (activation: Activation) =>
    Effect.suspend(() => {
      activation.isOver = true
      return abandon
    })

  /** Somebody else runs it: the same end is theirs; when it was interrupted, the run begins anew. */
  const joined = (
    activation: Activation,
    key: string,
    other: Deferred.Deferred<Workflow.Suspended | undefined>
  ): Effect.Effect<Result> =>
    Effect.flatMap(Deferred.await(other), (suspended) => {
      const kept = activation.steps.get(key)
      if (suspended !== undefined) return Effect.succeed(suspended)
      return kept === undefined ? beginAnew(activation) : Effect.succeed(complete(kept))
    })

  const run: Steps["run"] = (activation, payload) =>
    Effect.suspend(() => {
      const key = keyOf(payload)
      const kept = activation.steps.get(key)
      if (kept !== undefined) return Effect.succeed(complete(kept))
      if (activation.isOver || !hasShard(activation)) return abandon
      const other = activation.underWay.get(key)
      if (other !== undefined) return joined(activation, key, other)
      return Effect.flatMap(begin(activation, key, payload), (ended) => {
        if (ended === undefined) return abandon
        return Effect.succeed(typeof ended === "string" ? complete(ended) : ended)
      })
    })

  return { run }
}
