/**
 * First entries in one statement: whatever it admits, `Decision` admits with the same verdict, for events, tickets and
 * scans that are generated from their schemas. Every condition of the statement is a guard: removing one turns this file
 * red, and so does an index that asks what an admission changes; the lock of the occupancy row is held by
 * `test/gate/GateLock.test.ts` and `test/gate/TwoActivations.test.ts`.
 * When a new field of `GateEvent` or `GateTicket` stops this file from compiling, name its column below.
 */
import { assert, layer } from "@effect/vitest"
import { DateTime, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import * as fc from "fast-check"
import { AdmitRequest } from "../../rpc/Scan.ts"
import { decideBatch } from "../../src/gate/Batch.ts"
import { decideFresh } from "../../src/gate/FreshAdmission.ts"
import { GateEvent, GateTicket } from "../../src/gate/GateState.ts"
import { ScanStore } from "../../src/gate/ScanStore.ts"
import { boundaryValues } from "../support/BoundaryValues.ts"
import * as GateFixture from "../support/GateFixture.ts"
import { gateSnapshot } from "../support/GateSnapshot.ts"
import * as TestDatabase from "../support/TestDatabase.ts"

const { occupancy, GateStores, publish, scanOf } = GateFixture
const now = DateTime.makeUnsafe("2025-06-20T09:00:00Z")

const refusalsOf = () => 0

/** Reads the event, lets something happen to it, and admits by the one statement. */
const admitted = Effect.fnUntraced(
  function* (
    eventId: number,
    scans: ReadonlyArray<AdmitRequest>,
    meanwhile: Effect.Effect<unknown, unknown, SqlClient.SqlClient> = Effect.void
  ) {
    const store = yield* ScanStore
    const { event } = yield* store.load(eventId, [])
    yield* meanwhile
    const verdicts = yield* store.admitFresh({
      eventId,
      event: event!,
      scans,
      now,
      refusalsOf
    })
    return [...verdicts.keys()].sort()
  }
)

const orNull = (at: DateTime.Utc | null) => at === null ? null : DateTime.toDateUtc(at)

type Columns<A> = Readonly<Record<keyof A, (value: A) => Readonly<Record<string, unknown>>>>

const derived = () => ({})

/** The columns of each field of an event; the database derives its versions. */
const eventColumns: Columns<GateEvent> = {
  version: derived,
  revision: derived,
  status: ({ status }) => ({ status }),
  timezone: derived,
  maxAttendees: ({ maxAttendees }) => ({ max_attendees: maxAttendees }),
  doorsOpenAt: ({ doorsOpenAt }) => ({ doors_open_at: orNull(doorsOpenAt) }),
  doorsCloseAt: ({ doorsCloseAt }) => ({ doors_close_at: orNull(doorsCloseAt) }),
  reentry: ({ reentry }) => ({ reentry }),
  rules: ({ rules }) => ({ gate_rules: JSON.stringify(rules) })
}

/** The same of a ticket; its identity and its guest are those of a stored one, its passages and refusals are scans. */
const ticketColumns: Columns<GateTicket> = {
  ticketId: derived,
  eventId: derived,
  code: derived,
  guestFirstName: derived,
  lastEntry: derived,
  lastDevice: derived,
  letIn: ({ letIn }) => ({ let_in: letIn }),
  refusals: derived,
  ticketType: ({ ticketType }) => ({ ticket_type: ticketType }),
  status: ({ status }) => ({ status, voided_at: status === "voided" ? DateTime.toDateUtc(now) : null }),
  paymentState: ({ paymentState }) => ({ payment_state: paymentState }),
  inside: ({ inside }) => ({ inside }),
  entries: ({ entries }) => ({ entries }),
  firstScanId: ({ firstScanId }) => ({ first_scan_id: firstScanId }),
  firstUse: ({ firstUse }) => ({
    first_admitted_at: orNull(firstUse?.at ?? null),
    first_gate: firstUse?.gate ?? null
  })
}

const stored = <A>(columns: Columns<A>, value: A): Record<string, unknown> =>
  Object.assign(
    {},
    ...Object.values<Columns<A>[keyof A]>(columns).map((column) => column(value))
  )

const usual = gateSnapshot({ maxAttendees: 2, reentry: false, tickets: 1 })

const odd = fc.record({
  event: boundaryValues(GateEvent, now),
  changed: fc.option(boundaryValues(GateEvent, now), { freq: 1 }),
  ticket: boundaryValues(GateTicket, now),
  scan: boundaryValues(AdmitRequest, now),
  inside: fc.constantFrom(0, 0, 0, 1, 2),
  dice: fc.infiniteStream(fc.integer({ min: 1, max: 15 }))
})

const fields = [GateEvent, GateTicket, AdmitRequest].flatMap((schema) =>
  Object.keys(schema.fields).map((name) => [schema, name] as const)
)
const turns = fields.length * 3

/** An unused ticket at an open event, but for one field in each turn; after the turns, for any of them. */
const cases = fc.sample(odd, { seed: 20_250_620, numRuns: turns + 40 }).map((one, at) => {
  const [schema, name] = fields[at % fields.length]!
  const but = <A extends object>(of: unknown, usual: A, values: A): A => ({
    ...usual,
    ...Object.fromEntries(
      Object.entries(values).filter(([field]) =>
        at < turns ? of === schema && field === name : one.dice.next().value === 1
      )
    )
  })
  return {
    read: at < turns && schema !== GateEvent ? usual.event! : but(GateEvent, usual.event!, one.event),
    changed: at < turns || one.changed === null ? null : but(GateEvent, usual.event!, one.changed),
    ticket: but(GateTicket, usual.tickets[0]!, one.ticket),
    scan: but(AdmitRequest, scanOf(1, null), one.scan),
    inside: at < turns ? 0 : one.inside
  }
})

/** Hundreds of cases cost one commit. Each change of the event is a transaction within it: a revision of its own. */
const agreement = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const store = yield* ScanStore
  const eventId = 1
  const rows = yield* publish(eventId, cases.length)
  const change = (event: GateEvent) =>
    sql.withTransaction(
      sql`UPDATE events SET ${sql.update(stored(eventColumns, event))} WHERE event_id = ${eventId}`
    )
  let event: GateEvent | undefined
  let admissions = 0
  for (const [at, { changed, inside, read, scan, ticket }] of cases.entries()) {
    const { code, id } = rows[at]!
    if (event !== read) yield* change(read)
    event = changed ?? read
    yield* sql`UPDATE gates_occupancy SET inside = ${inside} WHERE event_id = ${eventId}`
    yield* sql`UPDATE tickets SET ${sql.update(stored(ticketColumns, ticket))} WHERE ticket_id = ${id}`
    const scans = [{ ...scan, scanId: `case-${at}`, eventId, ticketCode: scan.ticketCode ?? code }]
    const before = yield* store.load(eventId, scans)
    if (changed !== null) yield* change(changed)
    const snapshot = changed === null ? before : yield* store.load(eventId, scans)
    const { verdicts } = decideBatch(eventId, snapshot, scans, now)
    const fresh = yield* store.admitFresh({ eventId, event: before.event!, scans, now, refusalsOf })
    if (fresh.size > 0) assert.deepStrictEqual([...fresh.values()], verdicts, `case ${at}`)
    admissions += fresh.size
  }
  assert.isAbove(admissions, 50)
})

layer(Layer.provideMerge(GateStores, TestDatabase.layer))("first entries at once", (it) => {
  it.effect(
    "are admitted only as Decision admits them, whatever the event, ticket and scan are",
    () => Effect.flatMap(SqlClient.SqlClient, (sql) => sql.withTransaction(agreement)),
    120_000
  )

  it.effect("are admitted with their journal, occupancy, tallies and first use", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const rows = yield* publish(5, 3)
      const scans = rows.map(({ code }) => scanOf(5, code))
      assert.deepStrictEqual(yield* admitted(5, scans), scans.map(({ scanId }) => scanId).sort())
      assert.deepStrictEqual(yield* occupancy(5), { inside: 3, entered: 3, tickets: 3 })
      const journal = yield* sql`
        SELECT s.scan_id, s.result, s.direction FROM scans s JOIN tickets t ON t.first_scan_id = s.scan_id
        WHERE s.event_id = 5 AND t.status = 'admitted' AND t.entries = 1 AND t.first_gate = 'A'
          AND t.first_admitted_at = s.received_at AND s.ticket_id = t.ticket_id ORDER BY s.scan_id`
      assert.lengthOf(journal, 3)
      const [counts] = yield* sql`
        SELECT (SELECT sum(scans)::int FROM gate_tallies WHERE event_id = 5 AND result = 'valid') AS tallied,
          (SELECT sum(entered)::int FROM gate_moments WHERE event_id = 5) AS timed`
      assert.deepStrictEqual(counts, { tallied: 3, timed: 3 })
    }))

  it.effect("rewrite their tickets in place, and write to no index of the tickets", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const rows = yield* publish(4, 5)
      const updates = Effect.map(
        sql<{ tickets: number; in_place: number }>`
          SELECT pg_stat_get_xact_tuples_updated('tickets'::regclass)::int AS tickets,
            pg_stat_get_xact_tuples_hot_updated('tickets'::regclass)::int AS in_place`,
        ([counts]) => counts!
      )
      const [before, after] = yield* sql.withTransaction(
        Effect.all([updates, Effect.andThen(admitted(4, rows.map(({ code }) => scanOf(4, code))), updates)])
      )
      assert.deepStrictEqual([after.tickets - before.tickets, after.in_place - before.in_place], [5, 5])
    }))

  it.effect("leave out what is not simply good, and admit the others", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const rows = yield* publish(2, 8)
      const [stranger] = yield* publish(3, 1)
      const spoilt = [
        "status = 'voided', voided_at = now()",
        "payment_state = 'pending'",
        "inside = true",
        "entries = 1",
        "first_scan_id = 'x'",
        "status = 'admitted'"
      ]
      for (const [at, change] of spoilt.entries()) {
        yield* sql.unsafe(`UPDATE tickets SET ${change} WHERE ticket_id = ${rows[at]!.id}`)
      }
      const scans = [...rows, stranger!].map(({ code }) => scanOf(2, code)).concat(
        scanOf(2, "TKT-002-NB")
      )
      assert.deepStrictEqual(yield* admitted(2, scans), [scans[6]!.scanId, scans[7]!.scanId].sort())
      assert.strictEqual((yield* occupancy(2)).entered, 2)
    }))

  it.effect("leave everything to the ordinary way while the event, its doors or its room speak against it", () =>
    Effect.gen(function* () {
      const closed: ReadonlyArray<Parameters<typeof publish>[2]> = [
        { status: "canceled" },
        { doors_open_at: DateTime.addDuration(now, 1) },
        { doors_close_at: DateTime.subtractDuration(now, 1) },
        { max_attendees: 1 }
      ]
      for (const [at, changes] of closed.entries()) {
        const rows = yield* publish(10 + at, 2, changes)
        assert.deepStrictEqual(yield* admitted(10 + at, rows.map(({ code }) => scanOf(10 + at, code))), [])
        assert.deepStrictEqual(yield* occupancy(10 + at), { inside: 0, entered: 0, tickets: 0 })
      }
    }))

  it.effect("are decided on the event that was read, and written only while it is that one", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const [one] = yield* publish(30, 1)
      const title = sql`UPDATE events SET title = title || '!' WHERE event_id = 30`
      assert.deepStrictEqual(yield* admitted(30, [scanOf(30, one!.code)], title), [])
      assert.lengthOf(yield* admitted(30, [scanOf(30, one!.code)]), 1)
    }))

  it.effect("leave everything to it when a scan id is known", () =>
    Effect.gen(function* () {
      const [one, two] = yield* publish(20, 2)
      const first = scanOf(20, one!.code)
      assert.lengthOf(yield* admitted(20, [first]), 1)
      assert.deepStrictEqual(yield* admitted(20, [{ ...first, ticketCode: two!.code }]), [])
      assert.deepStrictEqual(yield* occupancy(20), { inside: 1, entered: 1, tickets: 1 })
    }))

  it.effect("are only what depends on no order and on nothing scanned before", () =>
    Effect.sync(() => {
      const decided = (scans: ReadonlyArray<AdmitRequest>, refusals = 0) =>
        decideFresh({ eventId: 1, event: usual.event!, scans, now, refusalsOf: () => refusals }).size
      const plain = scanOf(1, "TKT-001-A")
      assert.strictEqual(decided([plain, scanOf(1, "TKT-001-B")]), 2)
      const others = [
        { direction: "exit" as const },
        { source: "batch" as const },
        { forged: "malformed" },
        { ticketId: 1 },
        { ticketCode: null },
        { ticketCode: "tkt-001-c" },
        { ticketCode: "TKT-001-A" },
        { scanId: plain.scanId },
        { operator: { ...plain.operator, known: false } }
      ]
      for (const change of others) {
        assert.strictEqual(decided([plain, scanOf(1, "TKT-001-B", change)]), 0, JSON.stringify(change))
      }
      assert.strictEqual(decided([plain], usual.event!.rules.device_refusals), 0)
    }))
})
