/** The gate of an event as it is watched: its counters, its gates, its rates, and its journal scan by scan. */
import * as Schema from "effect/Schema"
import { EventStatus } from "./Event.ts"
import { EventNumber, TicketId } from "./values/Ids.ts"
import { Direction, ScanResult, Signal } from "./Scan.ts"
import { Instant } from "./values/Values.ts"

/** Minutes that `rate.per_minute` looks back, the running one included. */
export const rateMinutes = 30

const counts = {
  entered: Schema.Int,
  exited: Schema.Int,
  refused: Schema.Struct({ total: Schema.Int, by_reason: Schema.Record(Schema.String, Schema.Int) }),
  annulled: Schema.Int
}

/** How its scans ended; an entry or exit that was annulled counts as `annulled` alone. */
export const GateCounts = Schema.Struct(counts)
export type GateCounts = typeof GateCounts.Type

/**
 * Scans by when they were decided, annulled ones left out. The last minute is known to ten seconds. `per_minute` has a
 * number for each UTC minute from `from`; the last one is still running.
 */
export const GateRate = Schema.Struct({
  entered_last_minute: Schema.Int,
  exited_last_minute: Schema.Int,
  refused_last_minute: Schema.Int,
  per_minute: Schema.Struct({
    from: Instant,
    entered: Schema.Array(Schema.Int),
    exited: Schema.Array(Schema.Int),
    refused: Schema.Array(Schema.Int)
  })
})
export type GateRate = typeof GateRate.Type

/**
 * All of it at one moment, up to the scan `last_seq` (0 before the first); `gates` has the 200 with the most scans.
 * `inside` and `entered` are those whom the rules let in. Beside them stand those who were let in against a rule:
 * `let_in`, absent while there is nobody. No scan that is decided here makes all who are inside more than
 * `max_attendees`.
 */
export const GateView = Schema.Struct({
  event_id: EventNumber,
  status: EventStatus,
  max_attendees: Schema.Int,
  inside: Schema.Int,
  let_in: Schema.optionalKey(Schema.Struct({ total: Schema.Int, inside: Schema.Int })),
  ...counts,
  gates: Schema.Array(Schema.Struct({ gate: Schema.String, ...counts })),
  rate: GateRate,
  as_of: Instant,
  last_seq: Schema.Int
})
export type GateView = typeof GateView.Type

/** One scan as watchers see it: nobody's name, no code. */
export const GateScan = Schema.Struct({
  seq: Schema.Int,
  scan_id: Schema.String,
  gate: Schema.String,
  direction: Direction,
  result: ScanResult,
  signals: Schema.Array(Signal),
  ticket_id: Schema.NullOr(TicketId),
  device_id: Schema.String,
  source: Schema.Literals(["client", "internal", "batch"]),
  device_time: Schema.NullOr(Instant),
  received_at: Instant,
  annulled_at: Schema.NullOr(Instant)
})
export type GateScan = typeof GateScan.Type
