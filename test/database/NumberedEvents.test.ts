/**
 * What migration 0017 makes of an installation: events keep their keys, tokens get an organisation, and new keys begin
 * where nobody left anything.
 * Guards whose removal turns this file red: the tallies among the used keys, the flows that get a key of their own, each
 * of the four rules for an operator's organisation.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { Migrator, SqlClient } from "effect/sql"
import * as Database from "../../src/database/Database.ts"
import * as Migrations from "../../src/database/Migrations.ts"
import { EventNumbers } from "../../src/store/EventNumbers.ts"
import * as TestDatabase from "../support/TestDatabase.ts"

const far = Number.MAX_SAFE_INTEGER

const before = Effect.map(
  Migrations.loader,
  (all) => all.slice(0, all.findIndex(([, name]) => name === "event_numbers"))
)

const emptyDatabase = TestDatabase.serverUrl === undefined
  ? Database.layerEmbedded({ dataDir: "memory" })
  : Layer.unwrap(
    Effect.map(TestDatabase.freshUrl("empty"), (url) => Database.layerPostgres({ url: Redacted.make(url) }))
  )

/** An installation of the version before, with these events. */
const older = Effect.fnUntraced(function* (events: ReadonlyArray<readonly [id: number, owner: string]>) {
  const sql = yield* SqlClient.SqlClient
  yield* Migrator.make({})({ loader: before, table: "guichet_migrations" })
  for (const [id, owner] of events) {
    yield* sql`INSERT INTO events (event_id, owner, title, starts_at, timezone, location, max_attendees, status)
      VALUES (${id}::bigint, ${owner}, 'Gala', now(), 'UTC', 'Lyon', 1, 'active')`
  }
  let made = 0
  const token = (role: string, subject: string, listed: ReadonlyArray<number> | null = null) =>
    sql`INSERT INTO tokens (digest, token_id, role, subject, events)
      VALUES (${Buffer.from([++made])}, ${`tok_${subject}`}, ${role}, ${subject},
        ${listed === null ? null : `{${listed.join(",")}}`}::bigint[])`
  const flow = (id: string, owner: string, eventId: number) =>
    sql`INSERT INTO flows (flow_id, flow_type, owner, event_id, status, request, deadline)
      VALUES (${id}, 'complete_event_flow', ${owner}, ${eventId}::bigint, 'accepted', '{}', now())`
  return { sql, token, flow }
})

const tokens = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ subject: string; owner: string; events: ReadonlyArray<number> | null }>`
    SELECT subject, owner, events FROM tokens ORDER BY seq`
  return Object.fromEntries(rows.map(({ events, owner, subject }) => [subject, { owner, events }]))
})

describe("event numbers of an older installation", () => {
  it.effect("are its keys, and new keys begin where nobody left a scan", () =>
    Effect.gen(function* () {
      const { flow, sql } = yield* older([[1, "alice"], [far, "bob"]])
      yield* sql`INSERT INTO gate_tallies (event_id, gate, direction, result, scans)
        VALUES (999999999999, 'A', 'entry', 'operator_forbidden', 1)`
      yield* flow("flow_waits", "alice", 7)
      yield* flow("flow_anothers", "bob", 1)
      yield* flow("flow_own", "alice", 1)
      yield* Migrations.run
      assert.deepStrictEqual(
        yield* sql`SELECT event_id, owner, number FROM event_numbers WHERE event_id IN (1, ${far}::bigint) ORDER BY 1`,
        [{ event_id: 1, owner: "alice", number: 1 }, { event_id: far, owner: "bob", number: far }]
      )
      const flows = yield* sql<{ flow_id: string; key: number; number: number; owner: string }>`
        SELECT f.flow_id, f.event_id AS key, n.number, n.owner FROM flows f JOIN event_numbers n USING (event_id)
        ORDER BY f.flow_id`
      assert.deepStrictEqual(flows.map(({ flow_id, number, owner }) => [flow_id, number, owner]), [
        ["flow_anothers", 1, "bob"],
        ["flow_own", 1, "alice"],
        ["flow_waits", 7, "alice"]
      ])
      assert.strictEqual(flows[1]!.key, 1)
      const [next] = yield* Effect.flatMap(EventNumbers, (numbers) => numbers.reserve("carol", [1])).pipe(
        Effect.provide(EventNumbers.layer)
      )
      for (const key of [flows[0]!.key, flows[2]!.key, next!]) {
        assert.isAbove(key, 999_999_999_999)
        assert.isBelow(key, 10 ** 15)
      }
    }).pipe(Effect.provide(emptyDatabase)), 60_000)

  it.effect("begin at 1,000,000,001 where nothing speaks against it", () =>
    Effect.gen(function* () {
      yield* older([[1, "alice"]])
      yield* Migrations.run
      const reserved = yield* Effect.flatMap(EventNumbers, (numbers) => numbers.reserve("bob", [1, 2, 1]))
        .pipe(
          Effect.provide(EventNumbers.layer)
        )
      assert.sameMembers([...new Set(reserved)], [1_000_000_001, 1_000_000_002])
      assert.strictEqual(reserved[0], reserved[2])
    }).pipe(Effect.provide(emptyDatabase)), 60_000)

  it.effect(
    "give tokens the organisation that they worked for, where several are here",
    () =>
      Effect.gen(function* () {
        const { sql, token } = yield* older([[1, "alice"], [2, "bob"], [3, "bob"]])
        yield* token("admin", "root")
        yield* token("organizer", "alice")
        yield* token("operator", "of-bob", [2, 9])
        yield* token("operator", "of-both", [1, 2])
        yield* token("operator", "of-all")
        yield* Migrations.run
        const found = yield* tokens
        assert.deepStrictEqual(found["root"], { owner: "root", events: null })
        assert.deepStrictEqual(found["alice"], { owner: "alice", events: null })
        assert.deepStrictEqual(found["of-both"], { owner: "of-both", events: [1, 2] })
        assert.deepStrictEqual(found["of-all"], { owner: "of-all", events: [1, 2, 3] })
        const [listed, reserved] = found["of-bob"]!.events!
        assert.deepStrictEqual([found["of-bob"]!.owner, listed], ["bob", 2])
        assert.deepStrictEqual(
          yield* sql`SELECT owner, number FROM event_numbers WHERE event_id = ${reserved!}::bigint`,
          [
            { owner: "bob", number: 9 }
          ]
        )
      }).pipe(Effect.provide(emptyDatabase)),
    60_000
  )

  it.effect(
    "give them the only organisation, or the oldest admin's where there is none",
    () =>
      Effect.gen(function* () {
        const { token } = yield* older([[1, "alice"]])
        yield* token("operator", "sam")
        yield* Migrations.run
        assert.deepStrictEqual((yield* tokens)["sam"], { owner: "alice", events: null })
      }).pipe(
        Effect.provide(emptyDatabase, { local: true }),
        Effect.andThen(
          Effect.gen(function* () {
            const { token } = yield* older([])
            yield* token("operator", "sam")
            yield* token("admin", "root")
            yield* Migrations.run
            assert.deepStrictEqual((yield* tokens)["sam"], { owner: "root", events: null })
          }).pipe(Effect.provide(emptyDatabase, { local: true }))
        )
      ),
    60_000
  )
})
