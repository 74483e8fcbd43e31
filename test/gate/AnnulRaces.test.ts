/**
 * Scans are annulled while other gates scan: two activations, each with its own connections to one PostgreSQL
 * database.
 * Guards whose removal turns this file red: the lock on the occupancy in AnnulmentStore, its `moved_since`, the
 * annulment that is done already, its `capacity_reached`; the state of the ticket in the commit of ScanStore.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import type { AdmitRequest } from "../../rpc/Scan.ts"
import * as Database from "../../src/database/Database.ts"
import { activation, GateStores, occupancy, publish, scanOf } from "../support/GateFixture.ts"
import * as TestDatabase from "../support/TestDatabase.ts"

const stores = (url: string) =>
  Layer.fresh(
    Layer.provideMerge(GateStores, Database.layerPostgres({ url: Redacted.make(url), maxConnections: 6 }))
  )

const own = (url: string) =>
  Effect.gen(function* () {
    const context = yield* Layer.build(stores(url))
    return yield* Effect.provide(Effect.flatMap(activation, (client) => client("1")), context)
  })

/** From here on the database itself refuses a occupancy that cannot be: whoever makes one dies. */
const watched = Effect.fnUntraced(function* (places: number) {
  const sql = yield* SqlClient.SqlClient
  yield* sql.unsafe(
    `ALTER TABLE gates_occupancy ADD CHECK (inside BETWEEN 0 AND ${places}), ADD CHECK (entered >= inside)`
  )
})

const rivals = Effect.fnUntraced(function* (
  tickets: number,
  changes: { readonly max_attendees?: number; readonly reentry?: boolean }
) {
  const url = yield* TestDatabase.freshUrl()
  const context = yield* Layer.build(stores(url))
  const rows = yield* Effect.provide(publish(1, tickets, changes), context)
  yield* Effect.provide(watched(changes.max_attendees ?? tickets), context)
  return { rows, context, gates: [yield* own(url), yield* own(url)] as const }
})

type Gate = Effect.Success<ReturnType<typeof rivals>>["gates"][number]

const annulOn = (gate: Gate, { deviceId, scanId }: AdmitRequest) =>
  gate.Annul({ scanId, deviceId, operatorId: "operator-1", claimedOperator: null, reason: null })

/** A small generator, so that a failure can be played again. */
const random = (seed: number) => () =>
  (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648) / 2_147_483_648

/** Who is inside and how often people came in, by the lines of the journal that were not annulled. */
const told = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const moves = yield* sql<{ ticket_id: number; direction: string }>`
    SELECT ticket_id, direction FROM scans WHERE result = 'valid' AND annulled_at IS NULL ORDER BY seq`
  const inside = new Set<number>()
  for (const { direction, ticket_id } of moves) {
    assert.strictEqual(inside.has(ticket_id), direction === "exit", `ticket ${ticket_id}`)
    if (direction === "exit") inside.delete(ticket_id)
    else inside.add(ticket_id)
  }
  const entered = moves.filter(({ direction }) => direction === "entry").length
  return { inside: inside.size, entered, tickets: inside.size }
})

/** What the live gate counts must be what the journal says, line by line. */
const counted = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const lines = yield* sql`
    SELECT direction, CASE WHEN annulled_at IS NULL THEN result ELSE 'annulled' END AS result, count(*)::int AS scans
    FROM scans GROUP BY 1, 2 ORDER BY 1, 2`
  const tallies = yield* sql`
    SELECT direction, result, sum(scans)::int AS scans FROM gate_tallies GROUP BY 1, 2 HAVING sum(scans) <> 0
    ORDER BY 1, 2`
  assert.deepStrictEqual(tallies, lines)
  const [moments] = yield* sql`
    SELECT sum(entered)::int AS entered, sum(exited)::int AS exited, sum(refused)::int AS refused FROM gate_moments`
  const [scans] = yield* sql`
    SELECT count(*) FILTER (WHERE result = 'valid' AND annulled_at IS NULL AND direction = 'entry')::int AS entered,
      count(*) FILTER (WHERE result = 'valid' AND annulled_at IS NULL AND direction = 'exit')::int AS exited,
      count(*) FILTER (WHERE result <> 'valid')::int AS refused FROM scans`
  assert.deepStrictEqual(moments, scans)
})

describe.skipIf(TestDatabase.serverUrl === undefined)("a scan annulled while others scan", () => {
  it.live("is annulled once, whoever says so, and gets one answer", () =>
    Effect.gen(function* () {
      const { context, gates, rows } = yield* rivals(40, {})
      const scans = rows.map(({ code }) => scanOf(1, code))
      yield* gates[0].AdmitAll({ scans })
      const answers = yield* Effect.forEach(
        scans,
        (scan) =>
          Effect.all([0, 1, 0, 1].map((at) => annulOn(gates[at]!, scan)), { concurrency: "unbounded" }),
        { concurrency: 4 }
      )
      for (const [first, ...others] of answers) {
        for (const other of others) assert.deepStrictEqual(other, first)
      }
      assert.deepStrictEqual(yield* Effect.provide(occupancy(1), context), {
        inside: 0,
        entered: 0,
        tickets: 0
      })
      yield* Effect.provide(counted, context)
    }), 60_000)

  it.live(
    "and a new scan of its ticket leave the ticket in or out, and the occupancy with it",
    () =>
      Effect.gen(function* () {
        const { context, gates, rows } = yield* rivals(60, {})
        const scans = rows.map(({ code }) => scanOf(1, code))
        yield* gates[0].AdmitAll({ scans })
        const results = yield* Effect.forEach(scans, (scan) =>
          Effect.all([
            annulOn(gates[0], scan),
            gates[1].Admit(scanOf(1, scan.ticketCode)),
            annulOn(gates[1], scan),
            gates[0].Admit(scanOf(1, scan.ticketCode))
          ], { concurrency: "unbounded" }), { concurrency: 4 })
        const again = results.flatMap(([, one, , two]) => [one.result, two.result])
        const back = again.filter((result) => result === "valid").length
        assert.deepStrictEqual(new Set(again), new Set(["valid", "already_used"]))
        assert.deepStrictEqual(yield* Effect.provide(told, context), {
          inside: back,
          entered: back,
          tickets: back
        })
        assert.deepStrictEqual(yield* Effect.provide(occupancy(1), context), {
          inside: back,
          entered: back,
          tickets: back
        })
        yield* Effect.provide(counted, context)
      }),
    60_000
  )

  it.live(
    "never leaves a occupancy that the journal does not tell, in a random crush with few places",
    () =>
      Effect.gen(function* () {
        const places = 6
        const { context, gates, rows } = yield* rivals(10, { reentry: true, max_attendees: places })
        const next = random(20_250_620)
        const sent: Array<AdmitRequest> = []
        const steps = Array.from({ length: 1_200 }, () => {
          const gate = gates[next() < 0.5 ? 0 : 1]!
          const pick = next()
          if (pick < 0.4 && sent.length > 0) {
            return { gate, scan: sent[Math.max(0, sent.length - 1 - Math.floor(next() * 12))]!, annul: true }
          }
          const direction = pick < 0.75 ? "entry" as const : "exit" as const
          const scan = scanOf(1, rows[Math.floor(next() * rows.length)]!.code, { direction })
          sent.push(scan)
          return { gate, scan, annul: false }
        })
        const outcome = ({ annul, gate, scan }: (typeof steps)[number]): Effect.Effect<string> =>
          annul
            ? Effect.match(annulOn(gate, scan), {
              onSuccess: () => "annulled",
              onFailure: (error) => error._tag === "AnnulRefused" ? error.reason : error._tag
            })
            : Effect.as(gate.Admit(scan), "scanned")
        const outcomes = yield* Effect.forEach(steps, outcome, { concurrency: 16 })
        assert.isAbove(outcomes.filter((one) => one === "annulled").length, 50)
        assert.containsAllKeys(Object.groupBy(outcomes, (one) => one), ["moved_since", "not_admitted"])
        const crowdNow = yield* Effect.provide(occupancy(1), context)
        assert.deepStrictEqual(crowdNow, yield* Effect.provide(told, context))
        yield* Effect.provide(counted, context)
      }),
    60_000
  )
})
