/** Two activations of one event at once, each with its own connections to one PostgreSQL database. */
import { Effect, Layer, Redacted } from "effect"
import * as Database from "../../src/database/Database.ts"
import { activation, GateStores } from "./GateFixture.ts"

/** The gate's stores over connections of their own. */
export const stores = (url: string) =>
  Layer.fresh(
    Layer.provideMerge(GateStores, Database.layerPostgres({ url: Redacted.make(url), maxConnections: 4 }))
  )

/** A new activation of an event, with its own connections. */
export const own = (url: string, eventId: number) =>
  Effect.gen(function* () {
    const context = yield* Layer.build(stores(url))
    return yield* Effect.provide(Effect.flatMap(activation, (client) => client(String(eventId))), context)
  })
