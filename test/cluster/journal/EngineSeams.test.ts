/**
 * What the journal knows of the inside of Effect's engine, asked of the engine that is installed: red when a version of
 * Effect changes it. Then `EngineSeams.ts` is read again, and what it says of the version with it.
 */
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Exit, Layer, Schema } from "effect"
import { ClusterWorkflowEngine, MessageStorage, Sharding } from "effect/cluster"
import { SqlClient } from "effect/sql"
import { Activity, Workflow } from "effect/workflow"
import { readFileSync } from "node:fs"
import {
  ActivityPayload,
  executionOf,
  exitOf,
  exitText,
  exitTextOfReply,
  isWorkflow,
  readFrom
} from "../../../src/cluster/journal/EngineSeams.ts"
import { shard, stock } from "../mailbox/MailboxSubjects.ts"
import { oneRunner } from "../mailbox/OneRunner.ts"
import * as TestDatabase from "../../support/TestDatabase.ts"

const Probe = Workflow.make("SeamProbe", { payload: { id: Schema.String }, idempotencyKey: ({ id }) => id })

/** Ends of activities, by their names. */
const ends: Readonly<Record<string, Effect.Effect<unknown, unknown>>> = {
  value: Effect.succeed({ a: [1, null, "é\u0000"], b: true }),
  nothing: Effect.void,
  refusal: Effect.fail({ no: "é" }),
  defect: Effect.die(new Error("broken")),
  text: Effect.die("broken")
}

const ProbeLayer = Probe.toLayer(Effect.fnUntraced(function* () {
  for (const [name, execute] of Object.entries(ends)) {
    const success = name === "nothing" ? Schema.Void : Schema.Unknown
    yield* Effect.exit(Activity.make({ name, success, error: Schema.Unknown, execute }))
  }
}))

it("is read from the version that is installed", () => {
  const { version } = JSON.parse(
    readFileSync(new URL("../../../node_modules/effect/package.json", import.meta.url), "utf8")
  )
  assert.strictEqual(version, readFrom)
})

describe("Effect's engine", () => {
  it.effect("registers a workflow and its clocks as the entities that the journal takes them for", () =>
    Effect.gen(function* () {
      const registered: Array<{ readonly type: string; readonly requests: ReadonlyArray<string> }> = []
      const recording = Layer.mock(Sharding.Sharding, {
        getShardId: () => shard,
        hasShardId: () => true,
        registerEntity: ({ protocol, type }) =>
          Effect.sync(() => void registered.push({ type, requests: [...protocol.requests.keys()] }))
      })
      yield* Effect.void.pipe(Effect.provide(
        ProbeLayer.pipe(
          Layer.provide(Layer.fresh(ClusterWorkflowEngine.layer)),
          Layer.provide(recording),
          Layer.provide(MessageStorage.layerNoop)
        )
      ))
      assert.deepStrictEqual(registered.map(({ type }) => [type, isWorkflow(type)]), [
        ["Workflow/-/DurableClock", false],
        ["Workflow/SeamProbe", true]
      ])
      assert.sameMembers([...registered[1]!.requests], ["run", "activity", "deferred", "resume"])
      assert.strictEqual(executionOf({ entityType: "Workflow/SeamProbe", entityId: "x" }), "SeamProbe/x")
    }).pipe(Effect.scoped))
})

layer(TestDatabase.layer, { excludeTestServices: true })("what the engine stores of activities", (it) => {
  it.effect("is read as they ended, and the journal's text of the same end as well", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* Probe.execute({ id: "one" }).pipe(Effect.provide(oneRunner(ProbeLayer, stock, "1 hour")))
      const rows = yield* sql<{ request: string; reply: string }>`
        SELECT m.payload AS request, r.payload AS reply
        FROM cluster_messages m JOIN cluster_replies r ON r.request_id = m.request_id
        WHERE m.entity_type = 'Workflow/SeamProbe' AND m.tag = 'activity' ORDER BY m.rowid`
      const stored = rows.map(({ reply, request }) => ({
        ...Schema.decodeUnknownSync(ActivityPayload)(JSON.parse(request)),
        exit: exitOf(exitTextOfReply(JSON.parse(reply))!)
      }))
      assert.deepStrictEqual(
        stored.map(({ attempt, name, withTransaction }) => [name, attempt, withTransaction]),
        Object.keys(ends).map((name) => [name, 1, false])
      )
      for (const { exit, name } of stored) {
        const ended = yield* Effect.exit(ends[name]!)
        const ours = exitOf(exitText(ended))
        assert.strictEqual(JSON.stringify(ours), JSON.stringify(exit), name)
        assert.strictEqual(Exit.isSuccess(ours), Exit.isSuccess(ended), name)
      }
    }))
})
