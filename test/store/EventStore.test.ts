/**
 * Events and guests.
 * Guards whose removal turns this file red: the owner and the status in the upsert, the count under the event's lock.
 */
import { assert, layer } from "@effect/vitest"
import { DateTime, Effect, Layer, Option } from "effect"
import { SqlClient } from "effect/sql"
import { EventStore } from "../../src/store/EventStore.ts"
import { eventData } from "../support/GateFixture.ts"
import * as TestDatabase from "../support/TestDatabase.ts"

const guest = (guest_id: number, name = `Guest ${guest_id}`) => ({
  guest_id,
  name,
  email: `guest${guest_id}@example.com`,
  ticket_type: "standard"
})

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => from + at)

layer(Layer.provideMerge(EventStore.layer, TestDatabase.layer))("an event", (it) => {
  it.effect("is changed by its owner and by nobody else", () =>
    Effect.gen(function* () {
      const events = yield* EventStore
      const doors_open_at = DateTime.makeUnsafe("2025-06-20T08:00:00Z")
      yield* events.publish(1, "organizer-1", eventData(1, { title: "Before" }))
      yield* events.publish(1, "organizer-1", eventData(1, { title: "After", doors_open_at, reentry: true }))
      const error = yield* Effect.flip(events.publish(1, "organizer-2", eventData(1, { title: "Stolen" })))
      assert.strictEqual(error._tag, "EventNotYours")
      const view = Option.getOrThrow(yield* events.get(1))
      assert.deepInclude(view, {
        title: "After",
        timezone: "Europe/Paris",
        doors_open_at,
        reentry: true,
        inside: 0
      })
      assert.deepStrictEqual(yield* events.owner(1), Option.some("organizer-1"))
      assert.isTrue(Option.isNone(yield* events.get(2)))
    }))

  it.effect("stays canceled or completed whatever is published late, until its status itself says otherwise", () =>
    Effect.gen(function* () {
      const events = yield* EventStore
      yield* events.publish(7, "organizer-1", eventData(7, { title: "Before" }))
      for (const status of ["canceled", "completed"] as const) {
        yield* events.setStatus(7, status)
        const late = yield* Effect.flip(events.publish(7, "organizer-1", eventData(7, { title: "After" })))
        assert.deepInclude(late, { _tag: "EventClosed", event_id: 7, status })
        const stolen = yield* Effect.flip(events.publish(7, "organizer-2", eventData(7)))
        assert.strictEqual(stolen._tag, "EventNotYours")
        assert.deepInclude(Option.getOrThrow(yield* events.get(7)), { title: "Before", status })
      }
      yield* events.setStatus(7, "active")
      yield* events.publish(7, "organizer-1", eventData(7, { title: "After" }))
      assert.deepInclude(Option.getOrThrow(yield* events.get(7)), { title: "After", status: "active" })
      assert.strictEqual((yield* Effect.flip(events.setStatus(8, "canceled")))._tag, "EventNotFound")
    }))

  it.effect("takes 10,000 guests at once, and again without doubling them", () =>
    Effect.gen(function* () {
      const events = yield* EventStore
      yield* events.publish(3, "organizer-1", eventData(3, { max_attendees: 10_000 }))
      const guests = range(1, 10_000).map((id) => guest(id))
      assert.strictEqual(yield* events.registerGuests(3, "flow_1", guests), 10_000)
      assert.strictEqual(yield* events.registerGuests(3, "flow_1", guests), 10_000)
      assert.strictEqual(Option.getOrThrow(yield* events.get(3)).guests, 10_000)
    }))

  it.effect("renames a guest it knows, and takes the last word on a guest named twice", () =>
    Effect.gen(function* () {
      const events = yield* EventStore
      const sql = yield* SqlClient.SqlClient
      yield* events.publish(4, "organizer-1", eventData(4, { max_attendees: 1 }))
      yield* events.registerGuests(4, null, [{ ...guest(9_007_199_254_740_991), phone: "+33612345678" }])
      yield* events.registerGuests(4, null, [
        guest(9_007_199_254_740_991),
        guest(9_007_199_254_740_991, "Zoé")
      ])
      assert.deepStrictEqual(yield* sql`SELECT name, phone, locale FROM guests WHERE event_id = 4`, [
        { name: "Zoé", phone: null, locale: "fr" }
      ])
    }))

  it.effect("takes the last word on a guest's ticket type, and on a language that is named; issued tickets keep theirs", () =>
    Effect.gen(function* () {
      const events = yield* EventStore
      const sql = yield* SqlClient.SqlClient
      yield* events.publish(9, "organizer-1", eventData(9))
      const known = sql`SELECT ticket_type, locale FROM guests WHERE event_id = 9`
      yield* events.registerGuests(9, "flow_1", [{ ...guest(1), locale: "fr" }])
      yield* sql`
        INSERT INTO tickets (event_id, guest_id, code, ticket_type, template_id)
        VALUES (9, 1, 'TKT-009-ONE', 'standard', 1)`
      yield* events.registerGuests(9, "flow_2", [{ ...guest(1), ticket_type: "VIP", locale: "en" }])
      assert.deepStrictEqual(yield* known, [{ ticket_type: "VIP", locale: "en" }])
      yield* events.registerGuests(9, "flow_3", [{ ...guest(1), ticket_type: "VIP" }])
      assert.deepStrictEqual(yield* known, [{ ticket_type: "VIP", locale: "en" }])
      assert.deepStrictEqual(yield* sql`SELECT ticket_type FROM tickets WHERE event_id = 9`, [
        { ticket_type: "standard" }
      ])
    }))

  it.effect("takes no guest beyond its places, whoever registers at the same moment", () =>
    Effect.gen(function* () {
      const events = yield* EventStore
      yield* events.publish(5, "organizer-1", eventData(5, { max_attendees: 25 }))
      const groups = range(0, 9).map((group) => range(group * 5 + 1, group * 5 + 5).map((id) => guest(id)))
      const results = yield* Effect.forEach(
        groups,
        (guests) => Effect.option(events.registerGuests(5, null, guests)),
        { concurrency: "unbounded" }
      )
      assert.lengthOf(results.filter(Option.isSome), 5)
      assert.strictEqual(Option.getOrThrow(yield* events.get(5)).guests, 25)
      const error = yield* Effect.flip(events.registerGuests(6, null, [guest(1)]))
      assert.strictEqual(error._tag, "EventNotFound")
    }))
})
