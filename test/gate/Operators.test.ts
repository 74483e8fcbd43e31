/**
 * Who may scan what.
 * Guards whose removal turns this file red: the union is made per event, the organizer's ownership, revocation.
 */
import { assert, layer } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Operators } from "../../src/gate/Operators.ts"
import { EventStore } from "../../src/store/EventStore.ts"
import { TokenStore } from "../../src/store/TokenStore.ts"
import { eventData } from "../support/GateFixture.ts"
import * as TestDatabase from "../support/TestDatabase.ts"

const Env = Operators.layer.pipe(
  Layer.provideMerge(Layer.merge(EventStore.layer, TokenStore.layer)),
  Layer.provideMerge(TestDatabase.layer)
)

layer(Env)("a permission", (it) => {
  it.effect("of an operator is the union of the live tokens for that event", () =>
    Effect.gen(function* () {
      const [operators, tokens] = [yield* Operators, yield* TokenStore]
      const subject = "operator 123"
      yield* tokens.create({ role: "operator", subject, events: [1], gates: ["A"] })
      yield* tokens.create({ role: "operator", subject, events: [1, 2], gates: ["B"] })
      yield* tokens.create({ role: "operator", subject, events: [3] })
      const { tokenId } = yield* tokens.create({ role: "operator", subject, events: [4] })
      yield* tokens.revoke(tokenId)
      assert.deepStrictEqual(yield* operators.permission(subject, 1), {
        operatorId: subject,
        known: true,
        events: [1],
        gates: ["A", "B"]
      })
      assert.deepStrictEqual((yield* operators.permission(subject, 2)).gates, ["B"])
      assert.isNull((yield* operators.permission(subject, 3)).gates)
      assert.deepStrictEqual((yield* operators.permission(subject, 4)).events, [])
      assert.isFalse((yield* operators.permission("nobody", 1)).known)
    }))

  it.effect("of an organizer reaches its own events, an admin's every event", () =>
    Effect.gen(function* () {
      const [operators, events, tokens] = [yield* Operators, yield* EventStore, yield* TokenStore]
      yield* events.publish("organizer-1", eventData(11))
      yield* events.publish("organizer-2", eventData(12))
      yield* tokens.create({ role: "organizer", subject: "organizer-1" })
      yield* tokens.create({ role: "admin", subject: "root" })
      const all = { events: [11], gates: null }
      assert.deepInclude(yield* operators.permission("organizer-1", 11), all)
      assert.deepInclude(yield* operators.permission("root", 11), all)
      assert.deepStrictEqual((yield* operators.permission("organizer-1", 12)).events, [])
      const organizer = { tokenId: "t", role: "organizer" as const, subject: "organizer-1" }
      assert.deepInclude(yield* operators.ofCaller(organizer, 11), all)
      assert.deepStrictEqual((yield* operators.ofCaller(organizer, 12)).events, [])
      const operator = { tokenId: "t", role: "operator" as const, subject: "o", events: [11], gates: ["A"] }
      assert.deepInclude(yield* operators.ofCaller(operator, 11), { events: [11], gates: ["A"] })
      assert.deepStrictEqual((yield* operators.ofCaller(operator, 12)).events, [])
    }))
})
