/**
 * Who may scan what.
 * Guards whose removal turns this file red: the union is made per event, the organisation's ownership, revocation, the
 * ticket that decides between two organisations.
 */
import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import { SqlClient } from "effect/sql"
import { Operators, permissionOf } from "../../src/gate/Operators.ts"
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
      const [operators, events, tokens] = [yield* Operators, yield* EventStore, yield* TokenStore]
      const subject = "operator 123"
      const steward = { role: "operator", subject, owner: "organizer-0" } as const
      for (const id of [1, 2, 3, 4, 5]) yield* events.publish(id, "organizer-0", eventData(id))
      yield* tokens.create({ ...steward, events: [1], gates: ["A"] })
      yield* tokens.create({ ...steward, events: [1, 2], gates: ["B"] })
      yield* tokens.create({ ...steward, events: [3] })
      const { tokenId } = yield* tokens.create({ ...steward, events: [4] })
      yield* tokens.revoke(tokenId)
      const at = (number: number, who = subject) => operators.ofOperator(who, number, null)
      assert.deepStrictEqual(
        yield* at(1),
        Option.some({
          eventId: 1,
          operator: { operatorId: subject, known: true, events: [1], gates: ["A", "B"] }
        })
      )
      assert.deepStrictEqual(Option.getOrThrow(yield* at(2)).operator.gates, ["B"])
      assert.isNull(Option.getOrThrow(yield* at(3)).operator.gates)
      assert.isTrue(Option.isNone(yield* at(4)))
      assert.isTrue(Option.isNone(yield* at(5)))
      assert.isTrue(Option.isNone(yield* at(1, "nobody")))
    }))

  it.effect("of an organizer reaches its own events, an admin's every event", () =>
    Effect.gen(function* () {
      const [operators, events, tokens] = [yield* Operators, yield* EventStore, yield* TokenStore]
      yield* events.publish(11, "organizer-1", eventData(11))
      yield* events.publish(12, "organizer-2", eventData(12))
      yield* tokens.create({ role: "organizer", subject: "organizer-1" })
      yield* tokens.create({ role: "admin", subject: "root" })
      const all = { events: [11], gates: null }
      const at = (number: number, who: string) => operators.ofOperator(who, number, null)
      assert.deepInclude(Option.getOrThrow(yield* at(11, "organizer-1")).operator, all)
      assert.deepInclude(Option.getOrThrow(yield* at(11, "root")).operator, all)
      assert.isTrue(Option.isNone(yield* at(12, "organizer-1")))
    }))

  it.effect("of someone who works for two organisations is at the event that the ticket belongs to", () =>
    Effect.gen(function* () {
      const [operators, events, tokens] = [yield* Operators, yield* EventStore, yield* TokenStore]
      const sql = yield* SqlClient.SqlClient
      for (const [key, owner] of [[21, "anna"], [22, "ben"], [23, "carla"]] as const) {
        yield* events.publish(key, owner, eventData(7))
        yield* events.registerGuests(key, null, [{
          guest_id: 1,
          name: "G",
          email: "g@example.com",
          ticket_type: "s"
        }])
        yield* sql`INSERT INTO tickets (ticket_id, event_id, guest_id, code, ticket_type, template_id)
          VALUES (${key}, ${key}, 1, ${`TKT-${key}`}, 's', 1)`
      }
      yield* tokens.create({ role: "operator", subject: "sam", owner: "anna", events: [7] })
      yield* tokens.create({ role: "operator", subject: "sam", owner: "ben", gates: ["B"] })
      const at = (ticketId: number | null) => operators.ofOperator("sam", 7, ticketId)
      assert.strictEqual(Option.getOrThrow(yield* at(21)).eventId, 21)
      const ben = Option.getOrThrow(yield* at(22))
      assert.deepStrictEqual([ben.eventId, ben.operator.gates], [22, ["B"]])
      assert.isTrue(Option.isNone(yield* at(23)))
      assert.isTrue(Option.isNone(yield* at(null)))
    }))

  it("of a caller is what its own token says at an event that it reaches", () => {
    const caller = { tokenId: "t", subject: "o", owner: "a", sees: "own", gates: ["A"] } as const
    assert.deepInclude(permissionOf({ ...caller, role: "operator" }, 11), { events: [11], gates: ["A"] })
    assert.isNull(permissionOf({ ...caller, role: "organizer" }, 11).gates)
  })
})
