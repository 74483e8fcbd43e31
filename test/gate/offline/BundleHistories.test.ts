/**
 * Nothing is ever missed: whatever changes, commits late or rolls back between a device's pages, in the end it holds
 * what the database says.
 * Guards whose removal turns this file red: the floor (the oldest transaction still running, not the newest change), that
 * it is the first page's of its round, that the next round begins at it, that a page goes on after the last, and
 * that the journal is read from the place where the last round saw its end.
 */
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Exit, Layer, Redacted, Scope } from "effect"
import { SqlClient } from "effect/sql"
import * as fc from "fast-check"
import * as Database from "../../../src/database/Database.ts"
import { digestOf } from "../../../src/gate/offline/OfflineBundle.ts"
import { BundleStore } from "../../../src/gate/offline/BundleStore.ts"
import type { EventStore } from "../../../src/store/EventStore.ts"
import type { TicketStore } from "../../../src/store/tickets/TicketStore.ts"
import { after, agrees, blank, caughtUp, pageOf } from "../../support/BundleDevice.ts"
import { GateStores, publish } from "../../support/GateFixture.ts"
import * as TestDatabase from "../../support/TestDatabase.ts"

const stores = Layer.merge(GateStores, BundleStore.layer)
const tickets = 4
/** Writers beside the reader; each has tickets of its own, and one alone scans, so that none waits for another. */
const writers = 2
const scanner = 0

type What = "enter" | "leave" | "void" | "owe" | "pay"

const changes: Readonly<Record<What, string>> = {
  enter: "inside = true, entries = entries + 1",
  leave: "inside = false",
  void: "status = 'voided', voided_at = now()",
  owe: "payment_state = 'failed'",
  pay: "payment_state = 'paid'"
}

type Act =
  | { readonly do: "page"; readonly limit: number }
  | { readonly do: "change"; readonly what: What; readonly ticket: number }
  | { readonly do: "end"; readonly writer: number; readonly commit: boolean }

const act: fc.Arbitrary<Act> = fc.oneof(
  fc.record({ do: fc.constant("page" as const), limit: fc.integer({ min: 1, max: 6 }) }),
  fc.record({
    do: fc.constant("change" as const),
    what: fc.constantFrom<What>("enter", "leave", "enter", "leave", "owe", "pay", "void"),
    ticket: fc.nat({ max: tickets - 1 })
  }),
  fc.record({
    do: fc.constant("end" as const),
    writer: fc.nat({ max: writers - 1 }),
    commit: fc.boolean()
  })
)
const history = fc.array(act, { maxLength: 40 })

const moves = new Set<What>(["enter", "leave"])

let scans = 0

/** A line of the journal takes its number under the lock of the event's occupancy, as every batch of scans does. */
const journal = (ticketId: number) => `
  WITH held AS MATERIALIZED (
    SELECT o.event_id FROM gates_occupancy o JOIN tickets t USING (event_id)
    WHERE t.ticket_id = ${ticketId} FOR UPDATE OF o
  )
  INSERT INTO scans (event_id, scan_id, ticket_id, device_id, operator_id, gate, direction, result, source, received_at)
  SELECT event_id, 'scan-${++scans}', ${ticketId}, 'd', 'o', 'A', 'entry', 'valid', 'client', now() FROM held`

/** Changes one ticket; what is done to it in a transaction is seen once that ends. */
const apply = Effect.fnUntraced(function* (sql: SqlClient.SqlClient, ticketId: number, what: What) {
  const change = sql`UPDATE tickets SET ${sql.literal(changes[what])} WHERE ticket_id = ${ticketId}`
  if (moves.has(what)) yield* sql.unsafe(journal(ticketId))
  yield* change
})

let events = 0

/** Every change is its own transaction, or each writer's first one begins a transaction that stays open until its end. */
const play = Effect.fnUntraced(function* (
  acts: ReadonlyArray<Act>,
  connections: ReadonlyArray<SqlClient.SqlClient>
) {
  const sql = yield* SqlClient.SqlClient
  const eventId = ++events
  const rows = yield* publish(eventId, tickets)
  const open = new Set<SqlClient.SqlClient>()
  const end = (writer: SqlClient.SqlClient, commit: boolean) =>
    open.delete(writer) ? Effect.asVoid(writer.unsafe(commit ? "COMMIT" : "ROLLBACK")) : Effect.void
  let device = blank
  for (const one of acts) {
    if (one.do === "page") device = after(device, yield* pageOf(eventId, device, one.limit))
    else if (one.do === "change") {
      const writer = connections[one.ticket % writers]
      if (writer !== undefined && moves.has(one.what) && one.ticket % writers !== scanner) continue
      if (writer !== undefined && !open.has(writer)) {
        yield* writer`BEGIN`
        open.add(writer)
      }
      yield* apply(writer ?? sql, rows[one.ticket]!.id, one.what)
    } else if (connections[one.writer] !== undefined) yield* end(connections[one.writer]!, one.commit)
  }
  device = yield* caughtUp(eventId, device, 3)
  yield* Effect.forEach([...open], (writer) => end(writer, true))
  yield* agrees(eventId, yield* caughtUp(eventId, device, 3))
})

const plays = (connections: ReadonlyArray<SqlClient.SqlClient>, numRuns: number) =>
  Effect.gen(function* () {
    const context = yield* Effect.context<BundleStore | EventStore | SqlClient.SqlClient | TicketStore>()
    yield* Effect.promise(() =>
      fc.assert(
        fc.asyncProperty(history, (acts) => Effect.runPromiseWith(context)(play(acts, connections))),
        { seed: 20_250_620, numRuns }
      )
    )
  })

layer(Layer.provideMerge(stores, TestDatabase.layer), { excludeTestServices: true })(
  "a device that reads now and then",
  (it) => {
    it.effect("holds what the database says after any history of changes", () => plays([], 150), 60_000)
  }
)

describe.skipIf(TestDatabase.serverUrl === undefined)(
  "a device that reads while transactions are open",
  () => {
    /** One connection, in a scope of its own: it holds its transaction as long as the test does. */
    const connection = (url: string) =>
      Effect.gen(function* () {
        const scope = yield* Effect.acquireRelease(Scope.make(), (scope) => Scope.close(scope, Exit.void))
        const client = Layer.fresh(Database.layerPostgres({ url: Redacted.make(url), maxConnections: 1 }))
        return yield* Effect.provide(SqlClient.SqlClient, yield* Layer.buildWithScope(client, scope))
      })

    const beside = Effect.gen(function* () {
      const url = yield* TestDatabase.freshUrl()
      const database = Database.layerPostgres({ url: Redacted.make(url), maxConnections: 4 })
      const context = yield* Layer.build(Layer.fresh(Layer.provideMerge(stores, database)))
      return { context, connections: yield* Effect.forEach(Array(writers), () => connection(url)) }
    })

    it.live(
      "hears of a change that committed after the round in which others of later transactions were read",
      () =>
        Effect.gen(function* () {
          const { connections: [late], context } = yield* beside
          yield* Effect.gen(function* () {
            const sql = yield* SqlClient.SqlClient
            const rows = yield* publish(1, 4)
            const [slow, quick, third] = rows
            let reading = yield* caughtUp(1, blank)
            yield* late!`BEGIN`
            yield* apply(late!, slow!.id, "void")
            yield* apply(sql, quick!.id, "enter")
            const read = () => reading.states.get(digestOf(1, quick!.code))
            for (let page = 0; page < 2 * rows.length && read() !== "inside"; page++) {
              reading = after(reading, yield* pageOf(1, reading, 1))
            }
            assert.strictEqual(read(), "inside")
            yield* late!`COMMIT`
            yield* apply(sql, third!.id, "void")
            const second = yield* caughtUp(1, reading, 1)
            const known = yield* caughtUp(1, second, 1)
            yield* agrees(1, known)
            assert.strictEqual(known.states.get(digestOf(1, slow!.code)), "voided")
          }).pipe(Effect.provide(context))
        }),
      30_000
    )

    it.live("hears in a later round of one that stayed open over several", () =>
      Effect.gen(function* () {
        const { connections: [late], context } = yield* beside
        yield* Effect.gen(function* () {
          const sql = yield* SqlClient.SqlClient
          const rows = yield* publish(1, 6)
          let device = yield* caughtUp(1, blank)
          yield* late!`BEGIN`
          yield* apply(late!, rows[0]!.id, "void")
          for (const { id } of rows.slice(1)) {
            yield* apply(sql, id, "enter")
            device = yield* caughtUp(1, device, 2)
            yield* agrees(1, device)
          }
          yield* late!`COMMIT`
          yield* agrees(1, yield* caughtUp(1, device, 2))
        }).pipe(Effect.provide(context))
      }), 30_000)

    it.live(
      "holds what the database says after any history of transactions, some of them rolled back",
      () =>
        Effect.gen(function* () {
          const { connections, context } = yield* beside
          yield* Effect.provide(plays(connections, 150), context)
        }),
      120_000
    )
  }
)
