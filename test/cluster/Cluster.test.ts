/** Entities and workflows on the cluster that `src/cluster/Cluster.ts` makes, on either database. */
import { NodeFileSystem } from "@effect/platform-node"
import { assert, layer } from "@effect/vitest"
import { ConfigProvider, Effect, Layer, Result, Schedule, Schema } from "effect"
import { ClusterSchema, Entity } from "effect/cluster"
import { Rpc } from "effect/rpc"
import { Activity, DurableDeferred, Workflow } from "effect/workflow"
import { type AddressInfo, createServer } from "node:net"
import * as Cluster from "../../src/cluster/Cluster.ts"
import { ReadinessNotice } from "../../src/http/Health.ts"
import { ServiceSecrets } from "../../src/trust/ServiceSecrets.ts"
import { environment } from "../trust/ExampleServices.ts"
import * as TestDatabase from "../support/TestDatabase.ts"

const Note = Rpc.make("Note", {
  payload: { key: Schema.String },
  success: Schema.Int,
  primaryKey: ({ key }) => key
}).annotate(ClusterSchema.Persisted, true)

const Notebook = Entity.make("Notebook", [Note])

const notebookLayer = (handled: Array<string>) =>
  Notebook.toLayer({
    Note: ({ payload }) => Effect.sync(() => handled.push(payload.key))
  }, { disableFatalDefects: true })

const Paid = DurableDeferred.make("paid", { success: Schema.String })

const Order = Workflow.make("Order", {
  payload: { orderId: Schema.String },
  success: Schema.String,
  idempotencyKey: ({ orderId }) => orderId
})

const orderLayer = (reserved: Array<string>) =>
  Order.toLayer(Effect.fn(function* ({ orderId }) {
    const place = yield* Activity.make({
      name: "reserve",
      success: Schema.String,
      execute: Effect.sync(() => {
        reserved.push(orderId)
        return `place of ${orderId}`
      })
    })
    const payment = yield* DurableDeferred.await(Paid)
    return `${place}, paid by ${payment}`
  }))

const freePort = Effect.callback<number>((resume) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const { port } = server.address() as AddressInfo
    server.close(() => resume(Effect.succeed(port)))
  })
})

const withEnv = (env: Record<string, string>) =>
  Layer.merge(ServiceSecrets.layerConfig, NodeFileSystem.layer).pipe(
    Layer.provideMerge(ConfigProvider.layer(ConfigProvider.fromEnv({ env: { ...environment, ...env } })))
  )

const withCluster = (handled: Array<string>, reserved: Array<string>) =>
  Layer.provideMerge(
    Layer.mergeAll(notebookLayer(handled), orderLayer(reserved)),
    Cluster.layerSingle({ entityMessagePollInterval: "100 millis" })
  )

layer(TestDatabase.layer, { excludeTestServices: true })("a cluster", (it) => {
  it.effect("handles a message once, however often it is sent", () =>
    Effect.gen(function* () {
      const handled: Array<string> = []
      yield* Effect.gen(function* () {
        const client = (yield* Notebook.client)("one")
        assert.strictEqual(yield* client.Note({ key: "a" }), 1)
        assert.strictEqual(yield* client.Note({ key: "a" }), 1)
        assert.strictEqual(yield* client.Note({ key: "b" }), 2)
      }).pipe(Effect.provide(withCluster(handled, [])))
      assert.deepStrictEqual(handled, ["a", "b"])
    }))

  it.effect("handles after a restart what was stored before it", () =>
    Effect.gen(function* () {
      const handled: Array<string> = []
      yield* Effect.gen(function* () {
        const client = (yield* Notebook.client)("two")
        yield* client.Note({ key: "later" }, { discard: true })
      }).pipe(Effect.provide(Cluster.layerSingle()))
      yield* Effect.gen(function* () {
        const client = (yield* Notebook.client)("two")
        assert.strictEqual(yield* client.Note({ key: "later" }), 1)
      }).pipe(Effect.provide(withCluster(handled, [])))
      assert.deepStrictEqual(handled, ["later"])
    }))

  it.effect("continues a workflow after a restart, without its finished steps", () =>
    Effect.gen(function* () {
      const reserved: Array<string> = []
      const executionId = yield* Effect.gen(function* () {
        const id = yield* Order.execute({ orderId: "7" }, { discard: true })
        yield* Effect.suspend(() => Order.poll(id)).pipe(
          Effect.repeat({ until: (state) => state._tag === "Some" && state.value._tag === "Suspended" })
        )
        return id
      }).pipe(Effect.provide(withCluster([], reserved)))
      const answer = yield* Effect.gen(function* () {
        const token = DurableDeferred.tokenFromExecutionId(Paid, { workflow: Order, executionId })
        yield* DurableDeferred.succeed(Paid, { token, value: "card" })
        return yield* Order.execute({ orderId: "7" })
      }).pipe(Effect.provide(withCluster([], reserved)))
      assert.strictEqual(answer, "place of 7, paid by card")
      assert.deepStrictEqual(reserved, ["7"])
    }))

  it.effect.skipIf(TestDatabase.serverUrl === undefined)(
    "runs as one of several runners over a socket",
    () =>
      Effect.gen(function* () {
        const env = { GUICHET_CLUSTER: "socket", GUICHET_RUNNER_PORT: `${yield* freePort}` }
        const cluster = Layer.provideMerge(notebookLayer([]), Layer.provide(Cluster.layer, withEnv(env)))
        yield* Effect.gen(function* () {
          const client = (yield* Notebook.client)("three")
          assert.strictEqual(yield* client.Note({ key: "a" }), 1)
        }).pipe(Effect.provide(cluster))
      })
  )

  it.effect.skipIf(TestDatabase.serverUrl === undefined)(
    "shares its shards with runners of its secret, and one of them names a runner of another in its readiness",
    () =>
      Effect.gen(function* () {
        const join = Effect.fnUntraced(function* (secret: string) {
          const handled: Array<string> = []
          const port = `${yield* freePort}`
          const env = {
            GUICHET_CLUSTER: "socket",
            GUICHET_RUNNER_PORT: port,
            GUICHET_CLUSTER_SECRET: secret.repeat(16)
          }
          const cluster = Layer.provideMerge(
            notebookLayer(handled),
            Layer.provide(Cluster.layer, withEnv(env))
          )
          return { context: yield* Layer.build(Layer.fresh(cluster)), handled, port }
        })
        const [one, other] = [yield* join("a"), yield* join("a")]
        let sent = 0
        yield* Effect.gen(function* () {
          const client = (yield* Notebook.client)(`shared ${sent++}`)
          assert.isAtLeast(yield* client.Note({ key: "a" }), 1)
        }).pipe(
          Effect.provide(one.context),
          Effect.repeat({ until: () => one.handled.length > 0 && other.handled.length > 0 })
        )
        assert.strictEqual(yield* Effect.provide(Effect.flatten(ReadinessNotice), one.context), undefined)
        const stranger = yield* join("b")
        const notices = Effect.forEach([one, other, stranger], ({ context }) =>
          Effect.provide(Effect.flatten(ReadinessNotice), context))
        const said = yield* Effect.repeat(notices, {
          until: (notices) =>
            notices.some((notice) => notice !== undefined),
          schedule: Schedule.spaced("100 millis")
        })
        assert.match(said.join(), /do not prove that they belong to this cluster: 127\.0\.0\.1:\d+/)
      }).pipe(Effect.scoped),
    120_000
  )

  it.effect("refuses a runner that other machines can reach without a secret of the cluster", () =>
    Effect.gen(function* () {
      const base = { GUICHET_CLUSTER: "socket", DATABASE_URL: "postgres://127.0.0.1:1/none" }
      const refusal = (env: Record<string, string>) =>
        Effect.provide(Effect.result(Cluster.chosenMode), withEnv({ ...base, ...env }))
      for (const host of ["0.0.0.0", "10.0.0.1", "::", "runner.example", "127.0.0.1.example"]) {
        const refused = yield* refusal({ GUICHET_RUNNER_HOST: host })
        if (!Result.isFailure(refused)) return assert.fail(host)
        assert.include(refused.failure.message, "set GUICHET_CLUSTER_SECRET")
        const short = yield* refusal({ GUICHET_RUNNER_HOST: host, GUICHET_CLUSTER_SECRET: "short" })
        assert.isTrue(Result.isFailure(short))
        const given = yield* refusal({ GUICHET_RUNNER_HOST: host, GUICHET_CLUSTER_SECRET: "x".repeat(16) })
        assert.isTrue(Result.isSuccess(given))
      }
      for (const host of ["127.0.0.1", "127.8.0.1", "::1", "localhost"]) {
        assert.isTrue(Result.isSuccess(yield* refusal({ GUICHET_RUNNER_HOST: host })))
      }
      const half = yield* refusal({ GUICHET_RUNNER_TLS_CERT: "runner.pem" })
      if (!Result.isFailure(half)) return assert.fail("half of TLS was accepted")
      assert.include(half.failure.message, "GUICHET_RUNNER_TLS_KEY")
    }))

  it.effect("refuses several runners on the embedded database", () =>
    Effect.gen(function* () {
      const cluster = Layer.provide(
        Cluster.layer,
        [withEnv({ GUICHET_CLUSTER: "socket" }), TestDatabase.layerEmbedded]
      )
      const error = yield* Effect.flip(Effect.scoped(Layer.build(cluster)))
      assert.strictEqual(error._tag, "DatabaseError")
      assert.include(error.message, "set DATABASE_URL")
    }))
})
