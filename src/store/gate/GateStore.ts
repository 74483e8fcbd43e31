/** The gate as it is watched: counters that the commits of scans keep, and the journal after a place. */
import { Context, DateTime, Effect, Layer, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { EventStatus } from "../../../rpc/Event.ts"
import { type GateCounts, GateScan, type GateView, rateMinutes } from "../../../rpc/Gate.ts"
import { Direction, GateRules, usualRules } from "../../../rpc/Scan.ts"
import { gateKey } from "../../../rpc/values/GateName.ts"
import * as Rows from "../Rows.ts"
import { EventId, EventNumber } from "../../../rpc/values/Ids.ts"
import { numberOf } from "../EventNumbers.ts"

/** The most scans that one look brings. */
export const lookLimit = 500

/** The most gates that a view lists: a gate is whatever a device says. */
const gatesListed = 200

const minuteMillis = 60_000

const Tally = Schema.Struct({
  gate: Schema.NullOr(Schema.String),
  direction: Direction,
  result: Schema.String,
  scans: Schema.Int
})
type Tally = typeof Tally.Type

const Passed = Schema.Struct({
  minute: Schema.Int,
  entered: Schema.Int,
  exited: Schema.Int,
  refused: Schema.Int
})

const Read = Schema.Struct({
  event: Schema.NullOr(Schema.Struct({
    event_id: EventNumber,
    status: EventStatus,
    max_attendees: Schema.Int,
    inside: Schema.Int,
    let_in: Schema.Int,
    let_in_inside: Schema.Int
  })),
  last_seq: Schema.Int,
  tallies: Schema.Array(Tally),
  recent: Passed,
  minutes: Schema.Array(Passed),
  scans: Schema.Array(GateScan)
})

const RulesRow = Schema.Struct({ rules: Schema.NullOr(GateRules) })

/** What one look shows: everything up to `view.last_seq`, and of the journal after a place at most `lookLimit` scans. */
export interface Look {
  readonly view: GateView
  readonly scans: ReadonlyArray<GateScan>
}

const sum = (tallies: ReadonlyArray<Tally>) => tallies.reduce((total, { scans }) => total + scans, 0)

const countsOf = (tallies: ReadonlyArray<Tally>): GateCounts => {
  const of = (result: string, direction?: Direction) =>
    sum(
      tallies.filter((tally) =>
        tally.result === result && (direction === undefined || tally.direction === direction)
      )
    )
  const refusals = tallies.filter(({ result }) => result !== "valid" && result !== "annulled")
  const reasons = [...new Set(refusals.map(({ result }) => result))].sort()
  return {
    entered: of("valid", "entry"),
    exited: of("valid", "exit"),
    refused: {
      total: sum(refusals),
      by_reason: Object.fromEntries(reasons.map((reason) => [reason, of(reason)]))
    },
    annulled: of("annulled")
  }
}

/** The spelling that most scans have: the configured one, where stewards are limited to gates. */
const spellingOf = (tallies: ReadonlyArray<Tally>): string => {
  const scans = new Map<string, number>()
  for (const tally of tallies) scans.set(tally.gate!, (scans.get(tally.gate!) ?? 0) + tally.scans)
  return [...scans].sort(([one, more], [other, fewer]) => fewer - more || (one < other ? -1 : 1))[0]![0]
}

const gatesOf = (tallies: ReadonlyArray<Tally>): GateView["gates"] => {
  const byGate = Map.groupBy(tallies.filter(({ gate }) => gate !== null), ({ gate }) => gateKey(gate!))
  return [...byGate.values()].map((own) => ({ gate: spellingOf(own), ...countsOf(own) }))
    .sort((one, other) => one.gate < other.gate ? -1 : 1)
}

/** A minute that a faster clock than ours has begun counts as the last one. */
const ratesOf = ({ minutes, recent }: typeof Read.Type, first: number): GateView["rate"] => {
  const row = (of: "entered" | "exited" | "refused") => {
    const numbers = Array.from({ length: rateMinutes }, () => 0)
    for (const passed of minutes) numbers[Math.min(passed.minute - first, rateMinutes - 1)]! += passed[of]
    return numbers
  }
  return {
    entered_last_minute: recent.entered,
    exited_last_minute: recent.exited,
    refused_last_minute: recent.refused,
    per_minute: {
      from: DateTime.makeUnsafe(first * minuteMillis),
      entered: row("entered"),
      exited: row("exited"),
      refused: row("refused")
    }
  }
}

/** The first of the minutes that `rate.per_minute` counts, since 1970. */
const firstMinute = (now: DateTime.Utc): number =>
  Math.floor(DateTime.toEpochMillis(now) / minuteMillis) - rateMinutes + 1

const toLook = (read: typeof Read.Type, now: DateTime.Utc): Option.Option<Look> =>
  Option.map(Option.fromNullOr(read.event), ({ let_in, let_in_inside, ...event }) => ({
    view: {
      ...event,
      ...(let_in === 0 ? {} : { let_in: { total: let_in, inside: let_in_inside } }),
      ...countsOf(read.tallies.filter(({ gate }) => gate === null)),
      gates: gatesOf(read.tallies),
      rate: ratesOf(read, firstMinute(now)),
      as_of: now,
      last_seq: read.last_seq
    },
    scans: read.scans
  }))

/**
 * A look is one statement, so that its parts agree, and costs the same after a thousand scans and after a million: it
 * counts no scans. Within an event `seq` grows in the order of the commits, so a look after the last seq skips nothing;
 * `event_id + 0` is how the journal's index is asked (0002_gate).
 */
export class GateStore extends Context.Service<GateStore, {
  /** Nothing for an event that does not exist; no scans when `after` is null. */
  readonly look: (eventId: EventId, after: number | null) => Effect.Effect<Option.Option<Look>>
  /** The rules in force: the event's own, or the usual ones. */
  readonly rules: (eventId: EventId) => Effect.Effect<Option.Option<GateRules>>
}>()("guichet/store/gate/GateStore") {
  static readonly layer: Layer.Layer<GateStore, never, SqlClient.SqlClient> = Layer.effect(
    GateStore,
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient

      const read = (eventId: EventId, after: number | null, now: DateTime.Utc) =>
        Rows.first(Read)(sql`
          WITH tally AS MATERIALIZED (
            SELECT gate, direction, result, scans FROM gate_tallies WHERE event_id = ${eventId}::bigint
          ), listed AS (
            SELECT gate FROM tally GROUP BY gate ORDER BY sum(scans) DESC, gate LIMIT ${gatesListed}::int
          ), counted AS (
            SELECT NULL::text AS gate, direction, result, sum(scans) AS scans FROM tally GROUP BY direction, result
            UNION ALL SELECT gate, direction, result, scans FROM tally WHERE gate IN (SELECT gate FROM listed)
          ), moment AS MATERIALIZED (
            SELECT at, floor(extract(epoch FROM at) / 60)::bigint AS minute, entered, exited, refused
            FROM gate_moments WHERE event_id = ${eventId}::bigint
              AND at >= ${new Date(firstMinute(now) * minuteMillis)}::timestamptz
          ), minutes AS (
            SELECT minute, sum(entered) AS entered, sum(exited) AS exited, sum(refused) AS refused
            FROM moment GROUP BY minute
          )
          SELECT
            (SELECT jsonb_build_object('event_id', ${
          sql.literal(numberOf("e.event_id"))
        }, 'status', e.status, 'max_attendees', e.max_attendees,
                'inside', coalesce(o.inside, 0), 'let_in', coalesce(o.let_in, 0),
                'let_in_inside', coalesce(o.let_in_inside, 0))
              FROM events e LEFT JOIN gates_occupancy o USING (event_id)
              WHERE e.event_id = ${eventId}::bigint) AS event,
            coalesce((SELECT seq FROM scans WHERE event_id + 0 = ${eventId}::bigint
              ORDER BY seq DESC LIMIT 1), 0) AS last_seq,
            (SELECT coalesce(jsonb_agg(to_jsonb(counted)), '[]'::jsonb) FROM counted) AS tallies,
            (SELECT jsonb_build_object('minute', 0, 'entered', coalesce(sum(entered), 0),
                'exited', coalesce(sum(exited), 0), 'refused', coalesce(sum(refused), 0))
              FROM moment WHERE at >= ${
          DateTime.toDateUtc(now)
        }::timestamptz - interval '1 minute') AS recent,
            (SELECT coalesce(jsonb_agg(to_jsonb(minutes)), '[]'::jsonb) FROM minutes) AS minutes,
            (SELECT coalesce(jsonb_agg(jsonb_build_object('seq', s.seq, 'scan_id', s.scan_id, 'gate', s.gate,
                'direction', s.direction, 'result', s.result, 'signals', coalesce(s.detail->'signals', '[]'::jsonb),
                'ticket_id', s.ticket_id, 'device_id', s.device_id, 'source', s.source,
                'device_time', s.device_time, 'received_at', s.received_at, 'annulled_at', s.annulled_at)
                ORDER BY s.seq), '[]'::jsonb)
              FROM (SELECT * FROM scans WHERE event_id + 0 = ${eventId}::bigint AND seq > ${after}::bigint
                ORDER BY seq LIMIT ${lookLimit}::int) s) AS scans`)

      const look = Effect.fn("GateStore.look")(function* (eventId: EventId, after: number | null) {
        const now = yield* DateTime.now
        return Option.flatMap(yield* read(eventId, after, now), (row) => toLook(row, now))
      })

      const rules = (eventId: EventId) =>
        Effect.map(
          Rows.first(RulesRow)(
            sql`SELECT gate_rules AS rules FROM events WHERE event_id = ${eventId}::bigint`
          ),
          Option.map(({ rules }) => rules ?? usualRules)
        )

      return GateStore.of({ look, rules })
    })
  )
}
