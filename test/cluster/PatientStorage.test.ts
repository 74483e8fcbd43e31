/**
 * Mailboxes and workflows outlast a database that is away for longer than the cluster's own four tries.
 * Guards whose removal turns this file red: the waiting of each call, what a second insert finds, that a call inside of a
 * transaction fails at once, and, by the limit of a test, that a reset is tried again, also when nobody waits for it.
 */
import { assert, describe, layer } from "@effect/vitest"
import { Effect, Fiber, Layer, Schedule, Schema } from "effect"
import {
  ClusterSchema,
  ClusterWorkflowEngine,
  Entity,
  MessageStorage,
  RunnerHealth,
  Runners,
  RunnerStorage,
  Sharding,
  ShardingConfig,
  Snowflake,
  SqlMessageStorage
} from "effect/cluster"
import { PersistenceError } from "effect/cluster/ClusterError"
import { Rpc } from "effect/rpc"
import { SqlClient } from "effect/sql"
import { SqlError, UnknownError } from "effect/sql/SqlError"
import { Activity, Workflow } from "effect/workflow"
import { tuning } from "../../src/cluster/Cluster.ts"
import * as PatientStorage from "../../src/cluster/PatientStorage.ts"
import * as Platform from "../../src/Platform.ts"
import * as TestDatabase from "../support/TestDatabase.ts"

const away = (code: string) =>
  new PersistenceError({
    cause: new SqlError({
      reason: new UnknownError({ cause: Object.assign(new Error(code), { code }), message: code })
    })
  })

type Method =
  | "saveRequest"
  | "saveReply"
  | "clearReplies"
  | "resetShards"
  | "repliesFor"
  | "repliesForUnfiltered"
  | "requestIdForPrimaryKey"
  | "unprocessedMessagesById"

/** Which calls fail, how often, and whether the database had done what it did not answer. */
interface Plan {
  readonly method: Method
  readonly code: string
  times: number
  readonly done: boolean
}

const failing = (plans: ReadonlyArray<Plan>) =>
  Layer.effect(
    MessageStorage.MessageStorage,
    Effect.map(MessageStorage.MessageStorage, (stock) => {
      const around = <A, E>(
        method: Method,
        work: Effect.Effect<A, E>
      ): Effect.Effect<A, E | PersistenceError> =>
        Effect.suspend((): Effect.Effect<A, E | PersistenceError> => {
          const plan = plans.find((plan) => plan.method === method && plan.times > 0)
          if (plan === undefined) return work
          plan.times--
          const lost = Effect.fail(away(plan.code))
          return plan.done ? Effect.andThen(work, lost) : lost
        })
      return MessageStorage.MessageStorage.of({
        ...stock,
        saveRequest: (message) => around("saveRequest", stock.saveRequest(message)),
        saveReply: (reply) => around("saveReply", stock.saveReply(reply)),
        clearReplies: (id, options) => around("clearReplies", stock.clearReplies(id, options)),
        resetShards: (shardIds) => around("resetShards", stock.resetShards(shardIds)),
        repliesFor: (requests) => around("repliesFor", stock.repliesFor(requests)),
        repliesForUnfiltered: (ids) => around("repliesForUnfiltered", stock.repliesForUnfiltered(ids)),
        requestIdForPrimaryKey: (options) =>
          around("requestIdForPrimaryKey", stock.requestIdForPrimaryKey(options)),
        unprocessedMessagesById: (ids) =>
          around("unprocessedMessagesById", stock.unprocessedMessagesById(ids))
      })
    })
  ).pipe(Layer.provide(SqlMessageStorage.layer))

const Note = Rpc.make("Note", {
  payload: { key: Schema.String },
  success: Schema.Int,
  primaryKey: ({ key }) => key
}).annotate(ClusterSchema.Persisted, true)

const Unkeyed = Rpc.make("Unkeyed", { success: Schema.Int }).annotate(ClusterSchema.Persisted, true)

const Notebook = Entity.make("PatientNotebook", [Note, Unkeyed])

const Order = Workflow.make("PatientOrder", {
  payload: { orderId: Schema.String },
  success: Schema.String,
  idempotencyKey: ({ orderId }) => orderId
})

const cluster = (plans: ReadonlyArray<Plan>, handled: Array<string>) =>
  Layer.mergeAll(
    Notebook.toLayer({
      Note: ({ payload }) => Effect.sync(() => handled.push(payload.key)),
      Unkeyed: () => Effect.sync(() => handled.push("unkeyed"))
    }, { disableFatalDefects: true }),
    Order.toLayer(Effect.fn(function* ({ orderId }) {
      return yield* Activity.make({
        name: "reserve",
        success: Schema.String,
        execute: Effect.sync(() => {
          handled.push(orderId)
          return `place of ${orderId}`
        })
      })
    }))
  ).pipe(
    Layer.provideMerge(ClusterWorkflowEngine.layer),
    Layer.provideMerge(Sharding.layer),
    Layer.provideMerge(Runners.layerNoop),
    Layer.provideMerge(PatientStorage.layer.pipe(Layer.provide(failing(plans)))),
    Layer.provide([RunnerStorage.layerMemory, RunnerHealth.layerNoop]),
    Layer.provide(ShardingConfig.layerFromEnv({ ...tuning, entityMessagePollInterval: "100 millis" })),
    Layer.provide(Platform.digest),
    Layer.fresh
  )

const plan = (method: Method, times: number, options: { code?: string; done?: boolean } = {}): Plan => ({
  method,
  times,
  code: options.code ?? "25006",
  done: options.done ?? false
})

describe("the mailboxes' storage", () => {
  layer(TestDatabase.layer, { excludeTestServices: true })((it) => {
    it.effect("waits for the database longer than the cluster does, for messages and for workflows", () =>
      Effect.gen(function* () {
        const handled: Array<string> = []
        const plans = [plan("saveRequest", 7), plan("requestIdForPrimaryKey", 7, { code: "53300" })]
        yield* Effect.gen(function* () {
          const client = (yield* Notebook.client)("waits")
          assert.strictEqual(yield* client.Note({ key: "a" }), 1)
          assert.strictEqual(yield* Order.execute({ orderId: "waits" }), "place of waits")
        }).pipe(Effect.provide(cluster(plans, handled)))
        assert.deepStrictEqual(handled, ["a", "waits"])
        assert.deepStrictEqual(plans.map(({ times }) => times), [0, 0])
      }))

    it.effect("waits in every call that the cluster does not repeat", () =>
      Effect.gen(function* () {
        const plans = ([
          "clearReplies",
          "repliesFor",
          "repliesForUnfiltered",
          "unprocessedMessagesById"
        ] as const).map((method) => plan(method, 1))
        yield* Effect.gen(function* () {
          const storage = yield* MessageStorage.MessageStorage
          const id = Snowflake.Snowflake("1")
          yield* storage.clearReplies(id)
          assert.deepStrictEqual(yield* storage.repliesFor([]), [])
          assert.deepStrictEqual(yield* storage.repliesForUnfiltered([id]), [])
          assert.deepStrictEqual(yield* storage.unprocessedMessagesById([id]), [])
        }).pipe(Effect.provide(cluster(plans, [])))
        assert.deepStrictEqual(plans.map(({ times }) => times), [0, 0, 0, 0])
      }))

    it.effect("stores a message once whose first storing was not answered, with a key and without", () =>
      Effect.gen(function* () {
        const handled: Array<string> = []
        const plans = [plan("saveRequest", 1, { code: "08006", done: true })]
        yield* Effect.gen(function* () {
          const client = (yield* Notebook.client)("lost")
          assert.strictEqual(yield* client.Unkeyed(), 1)
          plans[0]!.times = 1
          assert.strictEqual(yield* client.Note({ key: "b" }), 2)
        }).pipe(Effect.provide(cluster(plans, handled)))
        assert.deepStrictEqual(handled, ["unkeyed", "b"])
      }))

    it.effect("answers whoever waits when a reply was stored and the database did not say so", () =>
      Effect.gen(function* () {
        const handled: Array<string> = []
        const plans = [plan("saveReply", 1, { code: "08006", done: true })]
        yield* Effect.gen(function* () {
          const client = (yield* Notebook.client)("reply")
          assert.strictEqual(yield* client.Note({ key: "c" }), 1)
        }).pipe(Effect.provide(cluster(plans, handled)))
        assert.deepStrictEqual(handled, ["c"])
      }))

    it.effect("goes on with the reset of taken shards, which the cluster tries once, until it is done", () =>
      Effect.gen(function* () {
        const plans = [plan("resetShards", 3)]
        yield* Effect.sync(() => plans[0]!.times).pipe(
          Effect.repeat({ until: (left) => left === 0, schedule: Schedule.spaced("20 millis") }),
          Effect.provide(cluster(plans, []))
        )
      }))

    it.effect("goes on with it although nobody waits for it any more", () =>
      Effect.gen(function* () {
        const plans = [plan("resetShards", 3)]
        yield* Effect.gen(function* () {
          const { resetShards } = yield* MessageStorage.MessageStorage
          const waiting = yield* Effect.forkChild(resetShards([]), { startImmediately: true })
          assert.strictEqual(plans[0]!.times, 2)
          yield* Fiber.interrupt(waiting)
          yield* Effect.sync(() => plans[0]!.times).pipe(
            Effect.repeat({ until: (left) => left === 0, schedule: Schedule.spaced("20 millis") })
          )
        }).pipe(Effect.provide(
          PatientStorage.layer.pipe(
            Layer.provide(failing(plans)),
            Layer.provide([ShardingConfig.layer(), Platform.digest])
          )
        ))
      }))

    it.effect("does not wait for what is final", () =>
      Effect.gen(function* () {
        const plans = [plan("repliesFor", 1, { code: "42P01" })]
        const error = yield* Effect.gen(function* () {
          return yield* Effect.flip((yield* MessageStorage.MessageStorage).repliesFor([]))
        }).pipe(Effect.provide(cluster(plans, [])))
        assert.strictEqual(error._tag, "PersistenceError")
      }))

    it.effect("does not wait inside of a transaction, which is lost with its connection", () =>
      Effect.gen(function* () {
        const plans = [plan("repliesFor", 1)]
        const error = yield* Effect.gen(function* () {
          const storage = yield* MessageStorage.MessageStorage
          const sql = yield* SqlClient.SqlClient
          return yield* Effect.flip(sql.withTransaction(storage.repliesFor([])))
        }).pipe(Effect.provide(cluster(plans, [])))
        assert.strictEqual(error._tag, "PersistenceError")
      }))
  })
})
