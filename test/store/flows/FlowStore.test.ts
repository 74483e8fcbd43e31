/**
 * Which flows the keeper ends the waiting of, and that a flow begins once.
 * Guards whose removal turns this file red: each condition of `overdue`, the status that `begin` and `stepStarted` ask
 * for, that a feed tells only of what began.
 */
import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { FeedStore } from "../../../src/store/flows/FeedStore.ts"
import { FlowStore } from "../../../src/store/flows/FlowStore.ts"
import * as TestDatabase from "../../support/TestDatabase.ts"

const Env = FlowStore.layer.pipe(Layer.provide(FeedStore.layer), Layer.provideMerge(TestDatabase.layer))

/** A flow with one step, whose deadline was so many minutes ago. */
const flow = Effect.fnUntraced(function* (
  name: string,
  status: string,
  minutes: number,
  step: readonly [name: string, status: string]
) {
  const sql = yield* SqlClient.SqlClient
  yield* sql`
    INSERT INTO flows (flow_id, flow_type, owner, event_id, execution_id, status, request, deadline)
    VALUES (${`flow_${name}`}, 'complete_event_flow', 'alice', 1, ${name}, ${status}, '{}',
      now() - make_interval(mins => ${minutes}::int))`
  yield* sql`
    INSERT INTO flow_steps (flow_id, position, step, status)
    VALUES (${`flow_${name}`}, 1, ${step[0]}, ${step[1]})`
})

layer(Env, { excludeTestServices: true })("a flow out of time", (it) => {
  it.effect("is one that runs and waits for its tickets or its payment, however long ago that was", () =>
    Effect.gen(function* () {
      yield* flow("minutes", "running", 1, ["payment", "running"])
      yield* flow("days", "running", 5_000, ["payment", "running"])
      yield* flow("tickets", "running", 1, ["tickets", "running"])
      yield* flow("ahead", "running", -1, ["payment", "running"])
      yield* flow("over", "failed", 1, ["payment", "running"])
      yield* flow("undone", "running", 1, ["payment", "failed"])
      yield* flow("telling", "running", 1, ["notifications", "running"])
      const overdue = yield* (yield* FlowStore).overdue
      assert.sameMembers(overdue.map(({ execution_id }) => execution_id), ["minutes", "days", "tickets"])
    }))

  it.effect("begins once, however often it is opened", () =>
    Effect.gen(function* () {
      yield* flow("begins", "accepted", -1, ["payment", "pending"])
      const { begin } = yield* FlowStore
      assert.deepStrictEqual(
        [yield* begin("flow_begins", "payment"), yield* begin("flow_begins", "payment")],
        [true, false]
      )
    }))

  it.effect("has a completed step that stays so, whoever begins it late", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* flow("late", "running", -1, ["payment", "completed"])
      const flows = yield* FlowStore
      yield* flows.stepStarted("flow_late", "payment")
      const read = sql`SELECT status, attempts FROM flow_steps WHERE flow_id = 'flow_late'`
      assert.deepStrictEqual(yield* read, [{ status: "completed", attempts: 0 }])
      assert.deepStrictEqual(yield* sql`SELECT seq FROM feed_events WHERE feed_id = 'flow/flow_late'`, [])
      yield* sql`UPDATE flow_steps SET status = 'failed' WHERE flow_id = 'flow_late'`
      yield* flows.stepStarted("flow_late", "payment")
      assert.deepStrictEqual(yield* read, [{ status: "running", attempts: 1 }])
    }))
})
