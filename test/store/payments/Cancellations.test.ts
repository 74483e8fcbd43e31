/**
 * An event that is called off is canceled from then on, whoever sets its status before, afterwards or at the same moment.
 * Guards whose removal turns this file red: the cancellation that `setStatus` looks for, the lock it takes first, that
 * `begin` cancels the event whatever its status was a moment ago.
 */
import { assert, layer } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer, Option } from "effect"
import { SqlClient } from "effect/sql"
import { EventStatus } from "../../../rpc/Event.ts"
import { EventStore } from "../../../src/store/EventStore.ts"
import { cancellationIdOf, CancellationStore } from "../../../src/store/payments/CancellationStore.ts"
import { Random } from "../../fuzz/Random.ts"
import { eventData } from "../../support/GateFixture.ts"
import * as TestDatabase from "../../support/TestDatabase.ts"

const stores = Layer.mergeAll(EventStore.layer, CancellationStore.layer)

const callOff = (eventId: number) =>
  Effect.flatMap(CancellationStore, ({ begin }) =>
    begin({
      event_id: eventId,
      cancellation_id: cancellationIdOf("alice", eventId),
      owner: "alice",
      reason: "a storm",
      askedBy: "alice"
    }))

const statusOf = (eventId: number) =>
  Effect.flatMap(
    EventStore,
    (events) => Effect.map(events.get(eventId), (found) => Option.getOrThrow(found).status)
  )

/** Until so many wait for a row that somebody holds. */
const waiting = (many: number) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const locks = sql<{ many: number }>`
      SELECT count(*)::int AS many FROM pg_stat_activity
      WHERE datname = current_database() AND wait_event_type = 'Lock'`
    const [row] = yield* Effect.repeat(locks, { until: ([row]) => row!.many >= many, times: 10_000 })
    assert.isAtLeast(row!.many, many)
  })

const others = ["draft", "active", "completed"] as const

/** What an event is, what it is set to while it is called off, and whether that is asked first. */
const races = EventStatus.literals.flatMap((before) =>
  others.flatMap((status) => [true, false].map((isFirst) => [before, status, isFirst] as const))
)

layer(Layer.provideMerge(stores, TestDatabase.layer))("the status of an event that is called off", (it) => {
  it.effect("stays canceled in any order of what is asked", () =>
    Effect.gen(function* () {
      const events = yield* EventStore
      const random = new Random(20_261_130)
      for (let nth = 1; nth <= 40; nth++) {
        const eventId = 1_000 + nth
        yield* events.publish(eventId, "alice", eventData(eventId))
        for (let before = random.below(3); before > 0; before--) {
          yield* events.setStatus(eventId, random.pick(EventStatus.literals))
        }
        yield* callOff(eventId)
        for (const status of [random.pick(others), random.pick(others)]) {
          const refused = yield* Effect.flip(events.setStatus(eventId, status))
          assert.deepInclude(refused, { _tag: "EventClosed", event_id: eventId, status: "canceled" })
        }
        yield* events.setStatus(eventId, "canceled")
        yield* callOff(eventId)
        assert.strictEqual(yield* statusOf(eventId), "canceled")
      }
    }))

  it.effect.skipIf(TestDatabase.serverUrl === undefined)(
    "is canceled whoever opens it at the same moment, whichever comes first",
    () =>
      Effect.gen(function* () {
        const events = yield* EventStore
        const sql = yield* SqlClient.SqlClient
        let eventId = 2_000
        for (const [before, status, isFirst] of races) {
          eventId++
          yield* events.publish(eventId, "alice", eventData(eventId))
          yield* events.setStatus(eventId, before)
          const [held, free] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
          const holder = yield* Effect.forkChild(sql.withTransaction(Effect.gen(function* () {
            yield* sql`SELECT 1 FROM events WHERE event_id = ${eventId} FOR UPDATE`
            yield* Deferred.succeed(held, undefined)
            yield* Deferred.await(free)
          })))
          yield* Deferred.await(held)
          const open = Effect.ignore(events.setStatus(eventId, status))
          const order = isFirst ? [open, callOff(eventId)] : [callOff(eventId), open]
          const asked: Array<Fiber.Fiber<unknown, unknown>> = []
          for (const one of order) {
            asked.push(yield* Effect.forkChild(one))
            yield* waiting(asked.length)
          }
          yield* Deferred.succeed(free, undefined)
          yield* Fiber.joinAll([holder, ...asked])
          assert.strictEqual(yield* statusOf(eventId), "canceled", `${before} ${status} ${isFirst}`)
        }
      })
  )
})
