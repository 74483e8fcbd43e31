/**
 * What the journal does that Effect's engine alone does not: a row a step, one run of a step that is asked for twice, a
 * transaction that commits with its row, and nothing written by a runner that froze. Guards whose removal turns this file
 * red: the epoch, steps under way, the transaction around the row.
 */
import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Deferred, Effect, Layer, Option, Schedule, Schema } from "effect"
import { ClusterSchema } from "effect/cluster"
import { SqlClient } from "effect/sql"
import { Activity, DurableDeferred, Workflow, type WorkflowEngine } from "effect/workflow"
import { NoopFlow, NoopFlowLayer, sum } from "../../../bench/support/NoopFlow.ts"
import * as StatementCount from "../../support/StatementCount.ts"
import * as TestDatabase from "../../support/TestDatabase.ts"
import { clusters } from "../mailbox/MailboxSubjects.ts"
import { journalRunner, oneRunner } from "../mailbox/OneRunner.ts"

const Go = DurableDeferred.make("go", { success: Schema.Int })

const pair = { payload: { id: Schema.String }, success: Schema.Array(Schema.Int) } as const

const idempotencyKey = ({ id }: { readonly id: string }) => id

const Twice = Workflow.make("JournalTwice", { ...pair, idempotencyKey })
const Booked = Workflow.make("JournalBooked", { ...pair, idempotencyKey })
const Frozen = Workflow.make("JournalFrozen", { ...pair, idempotencyKey })

const ran: Array<string> = []

const gates = new Map<string, Deferred.Deferred<void>>()

const gate = (name: string): Deferred.Deferred<void> => {
  const found = gates.get(name) ?? Deferred.makeUnsafe<void>()
  gates.set(name, found)
  return found
}

const note = (name: string) => Effect.sync(() => ran.push(name))

const TwiceLayer = Twice.toLayer(Effect.fnUntraced(function* ({ id }) {
  const same = Activity.make({
    name: "same",
    success: Schema.Int,
    execute: Effect.andThen(Effect.yieldNow, note(id))
  })
  return yield* Effect.all([same, same, same], { concurrency: "unbounded" })
}))

const BookedLayer = Booked.toLayer(Effect.fnUntraced(function* ({ id }) {
  const sql = yield* SqlClient.SqlClient
  const book = (name: string) =>
    Activity.make({
      name,
      success: Schema.Int,
      execute: Effect.as(Effect.orDie(sql`INSERT INTO booked (id, name) VALUES (${id}, ${name})`), 1)
    }).annotate(ClusterSchema.WithTransaction, true)
  if (id === "lost") {
    yield* Activity.make({
      name: "lost",
      execute: Effect.suspend(() =>
        ran.push("lost") === 1
          ? Effect.asVoid(Effect.orDie(sql`SELECT pg_terminate_backend(pg_backend_pid())`))
          : Effect.void
      )
    }).annotate(ClusterSchema.WithTransaction, true)
  }
  const first = yield* book("first")
  yield* DurableDeferred.await(Go)
  return [first, yield* book("second")]
}))

/** Its steps know which runner they run on; the first waits there, and books if it is to. */
const frozenLayer = (runner: string) =>
  Frozen.toLayer(Effect.fnUntraced(function* ({ id }) {
    const sql = yield* SqlClient.SqlClient
    const isBooked = id.startsWith("booked")
    const given: Array<number> = []
    for (let nth = 1; nth <= 3; nth++) {
      given.push(
        yield* Activity.make({
          name: `step-${nth}`,
          success: Schema.Int,
          execute: Effect.gen(function* () {
            yield* note(`${id} ${runner} ${nth}`)
            if (nth === 1) yield* Deferred.await(gate(`${id} ${runner}`))
            if (isBooked) yield* sql`INSERT INTO bookings (id, runner) VALUES (${id}, ${runner})`
            return runner === "late" ? 100 + nth : nth
          }).pipe(Effect.orDie)
        }).annotate(ClusterSchema.WithTransaction, isBooked)
      )
    }
    return given
  }))

const until = (isSo: () => boolean) =>
  Effect.repeat(Effect.void, { until: isSo, schedule: Schedule.spaced("5 millis") })

const Flows = Layer.mergeAll(TwiceLayer, BookedLayer)

for (const subject of clusters) {
  describe.skipIf(subject.isSkipped)(`workflows over ${subject.name}`, () => {
    layer(subject.database, { excludeTestServices: true })((it) => {
      const cluster = () =>
        subject.isJournaled
          ? journalRunner(Flows, "100 millis")
          : oneRunner(Flows, subject.storage, "100 millis")

      it.effect("run a step once that is asked for three times at once", () =>
        Effect.gen(function* () {
          ran.length = 0
          const given = yield* Twice.execute({ id: "twice" })
          assert.deepStrictEqual(given, [1, 1, 1])
          assert.deepStrictEqual(ran, ["twice"])
        }).pipe(Effect.provide(cluster())))

      it.effect("commit what a step writes with its end, also when the runner is another one then", () =>
        Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          yield* sql`CREATE TABLE IF NOT EXISTS booked (id text, name text, UNIQUE (id, name))`
          const executionId = yield* Effect.gen(function* () {
            const executionId = yield* Booked.execute({ id: "booked" }, { discard: true })
            yield* Effect.repeat(Booked.poll(executionId), {
              until: (result) => Option.isSome(result) && result.value._tag === "Suspended",
              schedule: Schedule.spaced("5 millis")
            })
            return executionId
          }).pipe(Effect.provide(cluster()))
          yield* Effect.gen(function* () {
            const token = DurableDeferred.tokenFromExecutionId(Go, { workflow: Booked, executionId })
            yield* DurableDeferred.succeed(Go, { token, value: 1 })
            assert.deepStrictEqual(yield* Booked.execute({ id: "booked" }), [1, 1])
          }).pipe(Effect.provide(cluster()))
          const rows = yield* sql<{ name: string }>`SELECT name FROM booked WHERE id = 'booked' ORDER BY name`
          assert.deepStrictEqual(rows.map(({ name }) => name), ["first", "second"])
        }))
    })
  })
}

/** A runner of its own beside others; each takes itself for the owner of every shard, as one that froze does. */
const runner = (name: string) =>
  Effect.map(
    Layer.build(journalRunner(frozenLayer(name), "100 millis")),
    (context) => context as Context.Context<WorkflowEngine.WorkflowEngine>
  )

layer(TestDatabase.layer, { excludeTestServices: true })(
  "a runner that another one has taken over from",
  (it) => {
    for (const id of ["frozen", "booked in one transaction"]) {
      it.effect(`writes nothing of the step that it comes back in, and runs no step that is done: ${id}`, () =>
        Effect.gen(function* () {
          ran.length = 0
          const sql = yield* SqlClient.SqlClient
          yield* sql`CREATE TABLE IF NOT EXISTS bookings (id text, runner text)`
          const late = yield* runner("late")
          const executionId = yield* Effect.provideContext(Frozen.execute({ id }, { discard: true }), late)
          const execution = `JournalFrozen/${executionId}`
          yield* until(() => ran.includes(`${id} late 1`))
          yield* Deferred.succeed(gate(`${id} next`), undefined)
          const next = yield* runner("next")
          const given = yield* Effect.provideContext(Frozen.execute({ id }), next)
          assert.deepStrictEqual(given, [1, 2, 3])
          yield* Deferred.succeed(gate(`${id} late`), undefined)
          const rows = sql<{ key: string; exit: string }>`
          SELECT key, exit FROM workflow_journal WHERE execution = ${execution} ORDER BY key`
          const before = yield* rows
          // It comes back, is refused, reads what there is, and its own answer comes too late.
          yield* Effect.repeat(
            sql<{ epoch: number }>`SELECT epoch FROM workflow_epochs WHERE execution = ${execution}`,
            {
              until: ([row]) => Number(row!.epoch) > 1,
              schedule: Schedule.spaced("5 millis")
            }
          )
          assert.deepStrictEqual(yield* Effect.provideContext(Frozen.execute({ id }), late), [1, 2, 3])
          assert.deepStrictEqual(yield* rows, before)
          assert.deepStrictEqual(ran, [`${id} late 1`, `${id} next 1`, `${id} next 2`, `${id} next 3`])
          const booked = yield* sql<{ runner: string }>`SELECT runner FROM bookings WHERE id = ${id}`
          assert.deepStrictEqual(
            booked.map(({ runner }) => runner),
            id === "frozen" ? [] : ["next", "next", "next"]
          )
        }).pipe(Effect.scoped))
    }
  }
)

describe.skipIf(TestDatabase.serverUrl === undefined)(
  "a step whose transaction is lost with its connection",
  () => {
    it.live("is run again", () =>
      Effect.gen(function* () {
        ran.length = 0
        const sql = yield* SqlClient.SqlClient
        yield* sql`CREATE TABLE booked (id text, name text, UNIQUE (id, name))`
        const executionId = yield* Booked.execute({ id: "lost" }, { discard: true })
        const token = DurableDeferred.tokenFromExecutionId(Go, { workflow: Booked, executionId })
        yield* DurableDeferred.succeed(Go, { token, value: 1 })
        assert.deepStrictEqual(yield* Booked.execute({ id: "lost" }), [1, 1])
        assert.deepStrictEqual(ran, ["lost", "lost"])
        const rows = yield* sql`SELECT key FROM workflow_journal ORDER BY key`
        assert.deepStrictEqual(rows.map(({ key }) => key), ["first/1", "lost/1", "second/1"])
      }).pipe(Effect.provide(journalRunner(Flows, "100 millis")), Effect.provide(TestDatabase.layerPostgres)))
  }
)

describe.skipIf(TestDatabase.serverUrl === undefined)("statements of a flow of eight steps", () => {
  it.live("are one for its run, one for each step and one for its end, and two when thirty-two run at once", () =>
    Effect.gen(function* () {
      const count = { statements: 0 }
      const database = StatementCount.layerPostgres(yield* TestDatabase.freshUrl(), count)
      const flows = (name: string, many: number) =>
        Effect.gen(function* () {
          const from = count.statements
          const ids = Array.from({ length: many }, (_, nth) => `${name} ${nth}`)
          const totals = yield* Effect.forEach(ids, (id) => NoopFlow.execute({ id }), { concurrency: 32 })
          assert.deepStrictEqual(totals, ids.map(() => sum))
          return (count.statements - from) / many
        })
      yield* Effect.gen(function* () {
        yield* flows("first", 1)
        assert.isAtMost(yield* flows("alone", 1), 10)
        assert.isAtMost(yield* flows("together", 128), 2)
      }).pipe(Effect.provide(journalRunner(NoopFlowLayer, "1 hour")), Effect.provide(database))
    }).pipe(Effect.scoped))
})
