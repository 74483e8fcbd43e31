/**
 * Steps that are told by their own rows: what has ended is not run again, and a start that is recorded is recorded once.
 * Guards whose removal turns this file red: the look at what has ended, the rows that `load` names, the start that is noted
 * with the end before it, the end of that note when the step has run.
 */
import { assert, layer } from "@effect/vitest"
import { DateTime, Effect, Layer, Schema } from "effect"
import { CompleteFlowRequest, StepFailed, type StepName } from "../../rpc/CompleteFlow.ts"
import { SqlClient } from "effect/sql"
import type { Plan } from "../../src/flows/Plan.ts"
import { open } from "../../src/flows/Status.ts"
import { recorded } from "../../src/flows/Step.ts"
import { isStarted, started, StepRuns } from "../../src/flows/StepRuns.ts"
import { FeedStore } from "../../src/store/flows/FeedStore.ts"
import { FlowStore } from "../../src/store/flows/FlowStore.ts"
import documented from "../fixtures/bodies/6-complete-flow.request.json" with { type: "json" }
import * as TestDatabase from "../support/TestDatabase.ts"

const Env = FlowStore.layer.pipe(Layer.provideMerge(FeedStore.layer), Layer.provideMerge(TestDatabase.layer))

/** Another process goes on with a flow: it knows what is stored, and nothing else. */
const elsewhere = <A, E, R>(work: Effect.Effect<A, E, R>) => Effect.provide(work, Layer.fresh(StepRuns.layer))

const accept = (flowId: string) =>
  Effect.flatMap(FlowStore, (flows) =>
    flows.accept({
      flowId,
      executionId: flowId,
      owner: "alice",
      eventId: 1,
      request: Schema.decodeUnknownSync(CompleteFlowRequest)(documented),
      deadline: DateTime.makeUnsafe("2099-01-01T00:00:00Z")
    }))

const attempts = Effect.fnUntraced(function* (flowId: string) {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ step: string; attempts: number }>`
    SELECT step, attempts FROM flow_steps WHERE flow_id = ${flowId}`
  return Object.fromEntries(rows.map(({ attempts, step }) => [step, attempts]))
})

layer(Env, { excludeTestServices: true })("a step that its row tells", (it) => {
  it.effect("is not run again by whoever goes on with its flow", () =>
    Effect.gen(function* () {
      yield* accept("flow_1")
      const ran: Array<string> = []
      const validation = (plan: Plan) =>
        recorded(
          plan,
          "validation",
          Effect.sync(() => {
            ran.push("validation")
            return { guests: 2 }
          }),
          () => ["event"]
        )
      const event = (plan: Plan) =>
        recorded(
          plan,
          "event",
          Effect.suspend(() => {
            ran.push("event")
            return Effect.fail(new StepFailed({ code: "event_closed", detail: "", retryable: false }))
          })
        )
      const first = yield* elsewhere(Effect.gen(function* () {
        const plan = yield* open("flow_1", "flow_1")
        const ended = yield* validation(plan)
        assert.deepStrictEqual(yield* attempts("flow_1"), {
          validation: 1,
          event: 1,
          guests: 0,
          tickets: 0,
          payment: 0,
          notifications: 0,
          reminders: 0,
          status: 0
        })
        return [ended, yield* event(plan)]
      }))
      const again = yield* elsewhere(Effect.gen(function* () {
        const plan = yield* open("flow_1", "flow_1")
        assert.isFalse(plan.over)
        return [yield* validation(plan), yield* event(plan)]
      }))
      assert.deepStrictEqual(ran, ["validation", "event"])
      assert.deepStrictEqual(again, first)
      assert.deepInclude(yield* attempts("flow_1"), { validation: 1, event: 1 })
    }))

  it.effect("is another attempt where the process that noted its start is gone", () =>
    Effect.gen(function* () {
      yield* accept("flow_2")
      const run = (plan: Plan, name: "validation" | "event", next: ReadonlyArray<StepName>) =>
        recorded(plan, name, Effect.succeed(null), () => next)
      yield* elsewhere(Effect.flatMap(open("flow_2", "2"), (plan) => run(plan, "validation", ["event"])))
      yield* elsewhere(Effect.flatMap(open("flow_2", "2"), (plan) => run(plan, "event", [])))
      assert.deepInclude(yield* attempts("flow_2"), { validation: 1, event: 2 })
      const feed = yield* (yield* FeedStore).after("flow/flow_2", 0)
      assert.deepStrictEqual(
        feed.map(({ data }) => Object.values(data as Record<string, string>).slice(0, 2).join(" ")),
        ["validation running", "validation completed", "event running", "event running", "event completed"]
      )
    }))

  it.effect("has its start noted for one run: a retry is recorded", () =>
    elsewhere(Effect.gen(function* () {
      yield* started("flow_4", ["event"])
      const noted = [yield* isStarted("flow_4", "event"), yield* isStarted("flow_4", "event")]
      assert.deepStrictEqual(noted, [true, false])
    })))

  it.effect("is over with its flow", () =>
    Effect.gen(function* () {
      yield* accept("flow_3")
      yield* (yield* FlowStore).finish("flow_3", "completed", undefined)
      assert.isTrue((yield* elsewhere(open("flow_3", "3"))).over)
    }))
})
