/** An entity and two workflows that use what a cluster's storage is for; `did` is what their handlers did, by id. */
import { Deferred, Effect, Layer, Schema, Stream } from "effect"
import { ClusterSchema, Entity } from "effect/cluster"
import { Rpc } from "effect/rpc"
import { SqlClient } from "effect/sql"
import { Activity, DurableClock, DurableDeferred, Workflow } from "effect/workflow"

const done = new Map<string, Array<string>>()

/** What was done under this id. */
export const did = (id: string): Array<string> => {
  const found = done.get(id) ?? []
  done.set(id, found)
  return found
}

const gates = new Map<string, Deferred.Deferred<void>>()

/** A gate that a handler waits at; it stays open. */
export const gate = (id: string): Deferred.Deferred<void> => {
  const found = gates.get(id) ?? Deferred.makeUnsafe<void>()
  gates.set(id, found)
  return found
}

/** For the next cluster: nothing was done, and no gate is open. */
export const forget = (): void => {
  done.clear()
  gates.clear()
}

const payload = { key: Schema.String }

const Book = Rpc.make("Book", { payload, success: Schema.Int, primaryKey: ({ key }) => key })
  .annotate(ClusterSchema.Persisted, true)
const Refuse = Rpc.make("Refuse", { payload, error: Schema.String, primaryKey: ({ key }) => key })
  .annotate(ClusterSchema.Persisted, true)
const Wait = Rpc.make("Wait", { payload, success: Schema.String, primaryKey: ({ key }) => key })
  .annotate(ClusterSchema.Persisted, true)
const Break = Rpc.make("Break", { payload, primaryKey: ({ key }) => key })
  .annotate(ClusterSchema.Persisted, true)
const Count = Rpc.make("Count", { payload: { to: Schema.Int }, success: Schema.Int, stream: true })
  .annotate(ClusterSchema.Persisted, true)
const Undo = Rpc.make("Undo", { payload, error: Schema.String, primaryKey: ({ key }) => key })
  .annotate(ClusterSchema.Persisted, true)
  .annotate(ClusterSchema.WithTransaction, true)

export const Desk = Entity.make("ConformanceDesk", [Book, Refuse, Wait, Break, Count, Undo])

const DeskLayer = Desk.toLayer(
  Effect.gen(function* () {
    const { entityId } = yield* Entity.CurrentAddress
    const sql = yield* SqlClient.SqlClient
    const log = did(entityId)
    return Desk.of({
      Book: ({ payload }) => Effect.sync(() => log.push(payload.key)),
      Refuse: ({ payload }) =>
        Effect.suspend(() => {
          log.push(payload.key)
          return Effect.fail(`no ${payload.key}`)
        }),
      Wait: ({ payload }) =>
        Effect.sync(() => log.push(`begin ${payload.key}`)).pipe(
          Effect.andThen(Deferred.await(gate(`${entityId} ${payload.key}`))),
          Effect.as(`waited ${payload.key}`),
          Effect.onInterrupt(() => Effect.sync(() => log.push(`interrupted ${payload.key}`)))
        ),
      Break: ({ payload }) =>
        Effect.suspend(() => {
          log.push(payload.key)
          return Effect.die(new Error("broken"))
        }),
      Count: ({ payload }) => Stream.range(1, payload.to),
      Undo: ({ payload }) =>
        Effect.gen(function* () {
          yield* Effect.orDie(sql`INSERT INTO cluster_conformance (key) VALUES (${payload.key})`)
          if (payload.key.startsWith("undone")) return yield* Effect.fail("undone")
        })
    })
  }),
  { disableFatalDefects: true, concurrency: "unbounded" }
)

export const Paid = DurableDeferred.make("paid", { success: Schema.String })

export const Trip = Workflow.make("ConformanceTrip", {
  payload: { id: Schema.String, refused: Schema.Boolean },
  success: Schema.String,
  error: Schema.String,
  idempotencyKey: ({ id }) => id
})

const step = (id: string, name: string) =>
  Activity.make({ name, success: Schema.Int, execute: Effect.sync(() => did(id).push(name)) })

const TripLayer = Trip.toLayer(Effect.fnUntraced(function* ({ id, refused }) {
  yield* step(id, "search")
  yield* step(id, "reserve").pipe(Trip.withCompensation(() => Effect.sync(() => did(id).push("release"))))
  const paid = yield* DurableDeferred.await(Paid)
  yield* step(id, "issue")
  if (refused) return yield* Effect.fail("refused")
  return `${paid} ${did(id).length}`
}))

export const Rest = Workflow.make("ConformanceRest", {
  payload: { id: Schema.String },
  success: Schema.Int,
  idempotencyKey: ({ id }) => id
})

const RestLayer = Rest.toLayer(Effect.fnUntraced(function* ({ id }) {
  yield* step(id, "before")
  yield* DurableClock.sleep({ name: "nap", duration: "300 millis", inMemoryThreshold: 0 })
  return yield* step(id, "after")
}))

export const TravelLayer = Layer.mergeAll(DeskLayer, TripLayer, RestLayer)
