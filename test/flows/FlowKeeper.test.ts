/**
 * No flow is left alone: what died of a passing fault goes on, what died for good is told, what settled is told as paid.
 * Guards whose removal turns this file red: `outlive` around a workflow, the look at runs that are over, the bound on how
 * often one is begun again, the pause between two starts, the look at the payment when its step ends and when the flow is
 * over.
 */
import { assert, describe, it, layer } from "@effect/vitest"
import { DateTime, Effect, Exit, Layer, Option, References, Schema } from "effect"
import { RunnerAddress } from "effect/cluster"
import { RunnerUnavailable } from "effect/cluster/ClusterError"
import { SqlClient } from "effect/sql"
import { ConnectionError, SqlError } from "effect/sql/SqlError"
import { Activity, Workflow, WorkflowEngine } from "effect/workflow"
import { readdirSync, readFileSync } from "node:fs"
import webhook from "../fixtures/bodies/2-payment-webhook.request.json" with { type: "json" }
import { CompleteFlow, CompleteFlowRequest } from "../../rpc/CompleteFlow.ts"
import { PaymentWebhook } from "../../rpc/payments/PaymentWebhook.ts"
import { diedOf } from "../../src/durable/DeadRun.ts"
import { outlive } from "../../src/durable/Retry.ts"
import { keep, remember } from "../../src/flows/FlowKeeper.ts"
import { FlowStore } from "../../src/store/flows/FlowStore.ts"
import { PaymentStore } from "../../src/store/payments/PaymentStore.ts"
import { numbered } from "../support/EventIds.ts"
import { bodyFor, finished, read, start, until } from "../support/FlowClient.ts"
import * as TestAppLayer from "../support/TestApp.ts"

const quietly = Effect.provideService(References.MinimumLogLevel, "None")

const away = new SqlError({ reason: new ConnectionError({ cause: new Error("away"), message: "away" }) })
const moving = new RunnerUnavailable({ address: RunnerAddress.make("127.0.0.1", 1) })

describe("a workflow that dies of what passes", () => {
  const Fragile = Workflow.make("Fragile", { payload: { id: Schema.String }, idempotencyKey: ({ id }) => id })
  let done = 0
  let deaths: Array<unknown> = []
  const FragileLayer = Fragile.toLayer(() =>
    outlive(Effect.gen(function* () {
      yield* Activity.make({ name: "once", execute: Effect.sync(() => void done++) })
      const death = deaths.shift()
      if (death !== undefined) return yield* Effect.die(death)
    }))
  ).pipe(Layer.provideMerge(WorkflowEngine.layerMemory))

  it.live("goes on from what it has done", () =>
    Effect.gen(function* () {
      done = 0
      deaths = [away, moving, away]
      assert.isTrue(Exit.isSuccess(yield* Effect.exit(Fragile.execute({ id: "passing" }))))
      assert.deepStrictEqual([done, deaths.length], [1, 0])
    }).pipe(Effect.provide(FragileLayer), quietly))

  it.live("and dies of what does not", () =>
    Effect.gen(function* () {
      deaths = [new Error("a bug"), away]
      assert.isTrue(Exit.isFailure(yield* Effect.exit(Fragile.execute({ id: "lasting" }))))
      assert.strictEqual(deaths.length, 1)
    }).pipe(Effect.provide(FragileLayer), quietly))

  it("is every workflow: none is registered that does not outlive", () => {
    const source = (folder: string) =>
      readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"))
        .map((name) => readFileSync(`${folder}/${name}`, "utf8")).join("\n")
    const made = [...source("rpc").matchAll(/export const (\w+) = Workflow\.make\(/g)].map(([, name]) =>
      name!
    )
    assert.isAbove(made.length, 4)
    const layers = source("entities").split(/^(?:export )?const /m)
    for (const name of made) {
      const registered = layers.filter((text) => text.includes(`${name}.toLayer(`))
      assert.strictEqual(registered.length, 1, name)
      assert.match(registered[0]!, /\}, outlive\)|=>\s*(outlive|orAbandon)\(/, name)
    }
  })
})

/** A flow that was accepted ten seconds ago and never begun; `request` is what is stored of it. */
const forgotten = Effect.fnUntraced(function* (flowId: string, eventId: number, request: "whole" | "broken") {
  const sql = yield* SqlClient.SqlClient
  yield* numbered("alice", eventId)
  const executionId = yield* CompleteFlow.executionId({ flowId })
  const body = bodyFor(eventId, { payment_config: { amount: 0 } })
  yield* (yield* FlowStore).accept({
    flowId,
    executionId,
    owner: "alice",
    eventId,
    request: yield* Schema.decodeUnknownEffect(CompleteFlowRequest)(body),
    deadline: DateTime.add(yield* DateTime.now, { minutes: 5 })
  })
  yield* sql`UPDATE flows SET created_at = now() - interval '10 seconds' WHERE flow_id = ${flowId}`
  const store = (stored: unknown) =>
    sql`UPDATE flows SET request = ${JSON.stringify(stored)}::jsonb WHERE flow_id = ${flowId}`
  if (request === "broken") yield* store({})
  return {
    executionId,
    mend: store(body),
    view: read(`/api/orchestration/flows/${flowId}`)
  }
})

layer(TestAppLayer.layer, { excludeTestServices: true })("a flow that nobody runs", (it) => {
  it.effect("is begun, and not again a moment later", () =>
    Effect.gen(function* () {
      const memory = remember()
      const { view } = yield* forgotten("flow_lost", 1, "whole")
      yield* keep(memory)
      const planned = memory.starts.get("flow_lost")
      assert.isDefined(planned)
      yield* keep(memory)
      assert.strictEqual(memory.starts.get("flow_lost"), planned)
      yield* until(view, ({ json }) => json.status === "completed")
    }))

  it.effect("because its run died is begun again, and goes on once it can", () =>
    Effect.gen(function* () {
      const { executionId, mend, view } = yield* forgotten("flow_died", 2, "broken")
      yield* CompleteFlow.execute({ flowId: "flow_died" }, { discard: true })
      yield* until(diedOf(CompleteFlow, executionId), Option.isSome)
      yield* mend
      yield* keep(remember())
      yield* until(view, ({ json }) => json.status === "completed")
    }).pipe(quietly))

  it.effect("because it cannot be run is ended and told, and not begun for ever", () =>
    Effect.gen(function* () {
      const memory = remember()
      const { executionId, view } = yield* forgotten("flow_broken", 3, "broken")
      yield* CompleteFlow.execute({ flowId: "flow_broken" }, { discard: true })
      const ended = yield* until(
        Effect.gen(function* () {
          yield* until(diedOf(CompleteFlow, executionId), Option.isSome)
          memory.starts.clear()
          yield* keep(memory)
          return yield* view
        }),
        ({ json }) => json.status === "failed"
      )
      assert.strictEqual(ended.json.error.code, "internal")
      assert.isAtMost(memory.begun.get("flow_broken") ?? 0, 3)
    }).pipe(quietly))

  it.effect("any more, and whose payment has settled, is told as paid though its time was over first", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const accepted = yield* start(bodyFor(4, { payment_config: { auto_confirm: false } }))
      const { json: waiting } = yield* until(
        read(accepted.json.status_url),
        ({ json }) =>
          json.payment_id !== null &&
          json.steps.some(({ status, step }: { status: string; step: string }) =>
            step === "payment" && status === "running"
          )
      )
      const { flow_id: flowId, payment_id: paymentId } = waiting
      yield* until(
        sql`SELECT 1 FROM payments WHERE payment_id = ${paymentId} AND gateway_ref IS NOT NULL`,
        (rows) => rows.length === 1
      )
      const [asked] = yield* sql<{ amount: string; currency: string }>`
        SELECT amount::text AS amount, currency FROM payments WHERE payment_id = ${paymentId}`
      const settled = yield* Schema.decodeUnknownEffect(PaymentWebhook)({
        ...webhook,
        webhook_id: "settled-unheard",
        payment_id: paymentId,
        amount: Number(asked!.amount),
        currency: asked!.currency
      })
      yield* (yield* PaymentStore).apply(settled)
      yield* sql`UPDATE flows SET deadline = now() WHERE flow_id = ${flowId}`
      const { flow, steps } = yield* finished(accepted)
      assert.strictEqual(steps["payment"].status, "completed", JSON.stringify(flow))
      assert.strictEqual(steps["payment"].result.status, "settled")
    }))
})
