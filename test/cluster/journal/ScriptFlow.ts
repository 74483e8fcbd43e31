/**
 * A workflow that does what its payload says, so that histories can be generated; what it gives is a function of the
 * script alone. `runs` is what its activities did, and `again` the activities that ran although the journal had them.
 */
import { Duration, Effect, Schema, type Scope } from "effect"
import { SqlClient } from "effect/sql"
import { Activity, DurableClock, DurableDeferred, Workflow, type WorkflowEngine } from "effect/workflow"
import * as ParallelBranches from "../../../src/durable/ParallelBranches.ts"

/** What a script does, one after the other; names are the script's own and given once. */
export type Op =
  | {
    readonly do: "step" | "fail" | "die" | "wait" | "sleep" | "nap" | "undo" | "inside"
    readonly name: string
  }
  | { readonly do: "retry"; readonly name: string; readonly times: number }
  | { readonly do: "into" | "child"; readonly name: string; readonly ops: Script }
  | { readonly do: "both"; readonly name: string; readonly left: Script; readonly right: Script }

export type Script = ReadonlyArray<Op>

/** How a flow ends when its script is done; who is to be interrupted waits for it. */
export type End = "gives" | "fails" | "waits"

/** What the activities of one flow, and of its children, did. */
export interface Runs {
  readonly steps: Array<string>
  readonly undone: Array<string>
  readonly again: Array<string>
}

const runs = new Map<string, Runs>()

export const runsOf = (id: string): Runs => {
  const found = runs.get(id) ?? { steps: [], undone: [], again: [] }
  runs.set(id, found)
  return found
}

/** What a script waits for under this name. */
export const told = (name: string) => DurableDeferred.make(`told ${name}`, { success: Schema.String })

/** Clocks are set in the database, naps are not. */
const durations = { sleep: Duration.millis(40), nap: Duration.millis(10) } as const

export const Scripted = Workflow.make("ConformanceScript", {
  payload: { id: Schema.String, of: Schema.String, script: Schema.String, end: Schema.String },
  success: Schema.Array(Schema.String),
  error: Schema.String,
  idempotencyKey: ({ id }) => id
})

/** Whether its database has journals; the stock engine keeps its own. */
const isJournaled = (executionId: string, key: string) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const rows = yield* sql`
      SELECT 1 FROM workflow_journal WHERE execution = ${`${Scripted._tag}/${executionId}`} AND key = ${key}`
    return rows.length > 0
  }).pipe(Effect.orDie)

interface Run {
  readonly id: string
  readonly of: string
  readonly executionId: string
}

/** Notes that an activity runs, and whether it should not. */
const ran = ({ executionId, of }: Run, name: string) =>
  Effect.gen(function* () {
    const attempt = yield* Activity.CurrentAttempt
    const { again, steps } = runsOf(of)
    if (yield* isJournaled(executionId, `${name}/${attempt}`)) again.push(name)
    steps.push(`${name}/${attempt}`)
    return attempt
  })

const step = (run: Run, name: string) =>
  Activity.make({ name, success: Schema.String, execute: Effect.as(ran(run, name), name) })

const refused = (run: Run, name: string) =>
  Activity.make({
    name,
    success: Schema.String,
    error: Schema.Struct({ no: Schema.String }),
    execute: Effect.flatMap(ran(run, name), () => Effect.fail({ no: name }))
  }).pipe(Effect.catch(({ no }) => Effect.succeed(`no ${no}`)))

const broken = (run: Run, name: string) =>
  Activity.make({
    name,
    success: Schema.String,
    execute: Effect.flatMap(ran(run, name), () => Effect.die(new Error(name)))
  }).pipe(Effect.catchDefect((defect) => Effect.succeed(`broken ${(defect as Error).message}`)))

const retried = (run: Run, name: string, times: number) =>
  Activity.make({
    name,
    success: Schema.Int,
    error: Schema.String,
    execute: Effect.flatMap(
      ran(run, name),
      (attempt) => attempt < times ? Effect.fail("again") : Effect.succeed(attempt)
    )
  }).pipe(
    Activity.retry({ times }),
    Effect.map((attempt) => `${name} at ${attempt}`),
    Effect.orDie
  )

/** An activity that waits for what its flow is told. */
const inside = (run: Run, name: string) =>
  Activity.make({
    name,
    success: Schema.String,
    execute: Effect.flatMap(ran(run, name), () => DurableDeferred.await(told(name)))
  })

type Needs =
  | WorkflowEngine.WorkflowEngine
  | WorkflowEngine.WorkflowInstance
  | Workflow.Execution<"ConformanceScript">
  | Scope.Scope
  | SqlClient.SqlClient

const all = (run: Run, script: Script): Effect.Effect<ReadonlyArray<string>, never, Needs> =>
  Effect.map(Effect.forEach(script, (op) => one(run, op)), (given) => given.flat())

const one = (run: Run, op: Op): Effect.Effect<ReadonlyArray<string>, never, Needs> =>
  Effect.gen(function* () {
    const { name } = op
    switch (op.do) {
      case "step":
        return [yield* step(run, name)]
      case "fail":
        return [yield* refused(run, name)]
      case "die":
        return [yield* broken(run, name)]
      case "retry":
        return [yield* retried(run, name, op.times)]
      case "wait":
        return [yield* DurableDeferred.await(told(name))]
      case "inside":
        return [yield* inside(run, name)]
      case "sleep":
        return yield* Effect.as(ParallelBranches.sleep(name, durations.sleep), [])
      case "nap":
        return yield* Effect.as(DurableClock.sleep({ name, duration: durations.nap }), [])
      case "undo":
        return [
          yield* step(run, name).pipe(
            Scripted.withCompensation(() => Effect.sync(() => runsOf(run.of).undone.push(name)))
          )
        ]
      case "into":
        return yield* all(run, op.ops).pipe(
          DurableDeferred.into(DurableDeferred.make(name, { success: Schema.Array(Schema.String) }))
        )
      case "child":
        return yield* Effect.orDie(Scripted.execute({
          id: `${run.id}/${name}`,
          of: run.of,
          script: JSON.stringify(op.ops),
          end: "gives"
        }))
      case "both": {
        const given: [ReadonlyArray<string>, ReadonlyArray<string>] = [[], []]
        yield* ParallelBranches.all([
          Effect.map(all(run, op.left), (left) => void (given[0] = left)),
          Effect.map(all(run, op.right), (right) => void (given[1] = right))
        ])
        return given.flat()
      }
    }
  })

export const ScriptedLayer = Scripted.toLayer(
  Effect.fnUntraced(function* ({ end, id, of, script }, executionId) {
    const given = yield* all({ id, of, executionId }, JSON.parse(script))
    if (end === "fails") return yield* Effect.fail("failed")
    if (end === "waits") yield* DurableDeferred.await(told("nobody"))
    return given
  })
)

/** What a script gives, whatever happens to its runner. */
export const givenBy = (script: Script): ReadonlyArray<string> =>
  script.flatMap((op): ReadonlyArray<string> => {
    switch (op.do) {
      case "step":
      case "undo":
        return [op.name]
      case "fail":
        return [`no ${op.name}`]
      case "die":
        return [`broken ${op.name}`]
      case "retry":
        return [`${op.name} at ${op.times}`]
      case "wait":
      case "inside":
        return [`heard ${op.name}`]
      case "sleep":
      case "nap":
        return []
      case "into":
      case "child":
        return givenBy(op.ops)
      case "both":
        return [...givenBy(op.left), ...givenBy(op.right)]
    }
  })

/** Every operation of a script and of what is inside of it; `id` is the flow that does it. */
export const flatten = (
  id: string,
  script: Script
): ReadonlyArray<{ readonly id: string; readonly op: Op }> =>
  script.flatMap((op) => [
    { id, op },
    ...op.do === "into" ? flatten(id, op.ops) : [],
    ...op.do === "child" ? flatten(`${id}/${op.name}`, op.ops) : [],
    ...op.do === "both" ? [...flatten(id, op.left), ...flatten(id, op.right)] : []
  ])
