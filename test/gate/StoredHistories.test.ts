/**
 * The histories of `Histories.test.ts` in the real tables, decided by the real gatekeeper.
 * Guards whose removal turns this file red: that a ticket is as far in as it was read and may be used, that all of
 * them are, the places, the unique scan id and its lost round, and that nothing of a refused batch is written; the
 * journal under an id, which outlives the gate.
 */
import { assert, layer } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer } from "effect"
import * as fc from "fast-check"
import { ScanStore } from "../../src/gate/ScanStore.ts"
import { activation, GateStores, publish, scanOf } from "../support/GateFixture.ts"
import { history } from "../support/histories/GateHistory.ts"
import { play } from "../support/histories/Play.ts"
import { account, sqlGate } from "../support/histories/SqlGate.ts"
import * as TestDatabase from "../support/TestDatabase.ts"

const Stores = Layer.provideMerge(GateStores, TestDatabase.layer)

layer(Stores)("histories of a gate in its tables", (it) => {
  it.effect(
    "agree with the model, and leave a journal that agrees with tickets, occupancy and tallies",
    () =>
      Effect.gen(function* () {
        const services = yield* Effect.context<Layer.Success<typeof Stores>>()
        let events = 0
        const property = fc.asyncProperty(history, async (one) => {
          await Effect.runPromiseWith(services)(
            Effect.flatMap(sqlGate(++events, one), (premises) => Effect.gen(() => play(one, premises)))
          )
        })
        yield* Effect.promise(() => fc.assert(property, { seed: 20_250_620, numRuns: 150 }))
      }),
    120_000
  )

  it.effect("go on with the verdicts that a gate wrote and died before it could tell", () =>
    Effect.gen(function* () {
      const eventId = 500_000
      const [ticket, other] = yield* publish(eventId, 2, { max_attendees: 1 })
      const store = yield* ScanStore
      const written = yield* Deferred.make<void>()
      const silent = ScanStore.of({
        ...store,
        commit: (id, writes) =>
          store.commit(id, writes).pipe(
            Effect.andThen(Deferred.succeed(written, undefined)),
            Effect.andThen(Effect.never)
          )
      })
      const scans = [
        scanOf(eventId, ticket!.code),
        scanOf(eventId, other!.code),
        scanOf(eventId, "TKT-500-NOBODY"),
        scanOf(eventId, other!.code, { direction: "exit" })
      ]
      yield* Effect.scoped(Effect.gen(function* () {
        const dying = yield* Effect.provideService(activation, ScanStore, silent)
        const { AdmitAll } = yield* dying(String(eventId))
        const caller = yield* Effect.forkChild(AdmitAll({ scans }), { startImmediately: true })
        yield* Deferred.await(written)
        yield* Fiber.interrupt(caller)
      }))
      const { AdmitAll } = yield* Effect.flatMap(activation, (client) => client(String(eventId)))
      const before = yield* account(eventId)
      const verdicts = yield* AdmitAll({ scans })
      assert.deepStrictEqual(verdicts.map((verdict) => verdict?.result), [
        "valid",
        "capacity_reached",
        "unknown_ticket",
        "not_inside"
      ])
      assert.deepStrictEqual(yield* account(eventId), before)
      assert.deepStrictEqual(before.journal.map(({ result }) => result), verdicts.map((one) => one?.result))
      assert.deepStrictEqual([before.inside, before.entered], [1, 1])
    }))
})
