/**
 * The histories of `Histories.test.ts` by two activations that run at once, each with its own connections to one
 * PostgreSQL database.
 * Guards whose removal turns this file red: the unique scan id, and that neither tickets nor occupancy nor tallies of a
 * refused batch are written. `TwoActivations.test.ts` shows the locks, under more of a occupancy.
 */
import { describe, it } from "@effect/vitest"
import { Effect, Layer, type Scope } from "effect"
import * as fc from "fast-check"
import { activation } from "../support/GateFixture.ts"
import { history } from "../support/histories/GateHistory.ts"
import { compete, type Send } from "../support/histories/Rivalry.ts"
import { sqlGate } from "../support/histories/SqlGate.ts"
import { stores } from "../support/Rivals.ts"
import * as TestDatabase from "../support/TestDatabase.ts"

describe.skipIf(TestDatabase.serverUrl === undefined)("two activations at once", () => {
  it.live(
    "contradict neither each other nor the model nor the journal, whatever is sent to them",
    () =>
      Effect.gen(function* () {
        const url = yield* TestDatabase.freshUrl()
        const [here, there] = [yield* Layer.build(stores(url)), yield* Layer.build(stores(url))]
        const services = yield* Effect.context<never>()
        let events = 0
        const property = fc.asyncProperty(history, (one) => {
          const eventId = ++events
          const start = (context: typeof here): Effect.Effect<Send, never, Scope.Scope> =>
            Effect.provide(Effect.flatMap(activation, (client) => client(String(eventId))), context).pipe(
              Effect.map(({ AdmitAll }) => (scans) => AdmitAll({ scans }))
            )
          return Effect.runPromiseWith(services)(
            Effect.provide(sqlGate(eventId, one), here).pipe(
              Effect.flatMap((premises) => compete(one, premises, [start(here), start(there)])),
              Effect.scoped
            )
          )
        })
        yield* Effect.promise(() => fc.assert(property, { seed: 20_250_620, numRuns: 100 }))
      }),
    120_000
  )
})
