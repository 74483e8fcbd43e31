/**
 * After a restart thousands of flows go on: some at once, the urgent ones first, and those that wait hold no request.
 * Guards whose removal turns this file red: the number of places, the opening of a flow once it has one, the turns.
 */
import { assert, layer } from "@effect/vitest"
import { DateTime, Deferred, Effect, Fiber, Layer, Schema } from "effect"
import { CompleteFlowRequest } from "../../rpc/CompleteFlow.ts"
import type { Priority } from "../../rpc/TicketJob.ts"
import { FlowPlaces } from "../../src/flows/FlowPlaces.ts"
import type { Plan } from "../../src/flows/Plan.ts"
import { FeedStore } from "../../src/store/flows/FeedStore.ts"
import { FlowStore } from "../../src/store/flows/FlowStore.ts"
import { numbered } from "../support/EventIds.ts"
import { bodyFor } from "../support/FlowClient.ts"
import * as TestDatabase from "../support/TestDatabase.ts"

/** Flows whose turn is known, which wait from then on. */
const waiting: Array<string> = []

const noting = Layer.effect(
  FlowStore,
  Effect.map(FlowStore, (flows) => ({
    ...flows,
    turn: (flowId) => Effect.tap(flows.turn(flowId), () => Effect.sync(() => waiting.push(flowId)))
  }))
).pipe(Layer.provide(FlowStore.layer))

const stores = FlowPlaces.layer.pipe(
  Layer.provideMerge(noting),
  Layer.provide(FeedStore.layer),
  Layer.provideMerge(TestDatabase.layer)
)

const accept = Effect.fnUntraced(function* (flowId: string, priority: Priority, owner: string) {
  const body = bodyFor(1, { ticket_config: { priority } })
  yield* (yield* FlowStore).accept({
    flowId,
    executionId: flowId,
    owner,
    eventId: 1,
    request: yield* Schema.decodeUnknownEffect(CompleteFlowRequest)(body),
    deadline: yield* DateTime.now
  })
})

layer(stores, { excludeTestServices: true })("flows that go on together", (it) => {
  it.effect("are under way in a bounded number, and the urgent ones are let in first", () =>
    Effect.gen(function* () {
      const flows = yield* FlowStore
      const { admit } = yield* FlowPlaces
      const gate = yield* Deferred.make<void>()
      const opened: Array<string> = []
      yield* numbered("alice", 1)
      const go = Effect.fnUntraced(function* (flowId: string, priority: Priority, owner = "alice") {
        yield* accept(flowId, priority, owner)
        const open = Effect.gen(function* () {
          opened.push(flowId)
          return { ...(yield* flows.load(flowId)), flowId, executionId: flowId } as unknown as Plan
        })
        return yield* Effect.forkChild(admit(flowId, open, () => Deferred.await(gate)))
      })
      const first = yield* Effect.forEach(
        Array.from({ length: 32 }),
        (_, at) => go(`flow_${at}`, "normal", at % 2 === 0 ? "alice" : "bob")
      )
      while (opened.length < 32) yield* Effect.yieldNow
      const asked = ["low", "normal", "high"] as const
      const later = yield* Effect.forEach(asked, (priority) => go(`flow_${priority}`, priority))
      while (waiting.length < asked.length) yield* Effect.yieldNow
      for (let turn = 0; turn < 10; turn++) yield* Effect.yieldNow
      assert.strictEqual(opened.length, 32)
      for (const one of first.slice(0, 3)) yield* Fiber.interrupt(one)
      while (opened.length < 35) yield* Effect.yieldNow
      assert.deepStrictEqual(opened.slice(32), ["flow_high", "flow_normal", "flow_low"])
      yield* Deferred.succeed(gate, undefined)
      yield* Effect.forEach([...first.slice(3), ...later], Fiber.join)
    }))
})
