/** What looks odd about a scan: a pure function of the event's rules and of what the gate knows. */
import * as DateTime from "effect/DateTime"
import type { AdmitRequest, GateRules, ScanResult, Signal } from "../../rpc/Scan.ts"
import type { GateTicket } from "./GateState.ts"

interface Seen {
  readonly result: ScanResult
  readonly ticket: GateTicket | null
}

/** `at` is when the scan happened: now, unless its device decided alone. */
interface Circumstances {
  readonly now: DateTime.Utc
  readonly at: DateTime.Utc
  readonly deviceRefusals: number
}

const within = (one: DateTime.Utc, other: DateTime.Utc, seconds: number): boolean =>
  Math.abs(DateTime.toEpochMillis(other) - DateTime.toEpochMillis(one)) <= seconds * 1_000

/** Nobody who is inside walks to another gate that fast: the code is on two tickets. Whoever left may come back. */
const atTwoGates = (
  rules: GateRules,
  { inside, lastEntry }: GateTicket,
  gate: string,
  at: DateTime.Utc
): boolean =>
  rules.copy_window_seconds > 0 && inside && lastEntry !== null && lastEntry.gate !== gate &&
  within(lastEntry.at, at, rules.copy_window_seconds)

/** This presentation and the earlier ones of a used ticket; all are known by when we received them. */
const shownTooOften = (rules: GateRules, { result, ticket }: Seen, now: DateTime.Utc): boolean => {
  if (rules.copy_presentations === 0 || ticket === null) return false
  const window = rules.copy_presentations_window_seconds
  const earlier = ticket.refusals.filter((at) => within(at, now, window)).length
  return earlier + (result === "already_used" ? 1 : 0) >= rules.copy_presentations
}

/** A device that uploads what it decided alone is heard once for hours of work: that is no guessing. */
const guessing = (rules: GateRules, refusals: number, { source }: AdmitRequest): boolean =>
  source !== "batch" && rules.device_refusals > 0 && refusals >= rules.device_refusals

/** The signals of a scan that was decided as `seen`. */
export const suspicions = (
  rules: GateRules,
  seen: Seen,
  { at, deviceRefusals, now }: Circumstances,
  scan: AdmitRequest
): ReadonlyArray<Signal> => {
  const signals: Array<Signal> = []
  const { ticket } = seen
  if (scan.direction === "entry" && ticket !== null) {
    if (atTwoGates(rules, ticket, scan.gate, at)) signals.push("seen_at_another_gate")
    if (shownTooOften(rules, seen, now)) signals.push("copied_ticket")
  }
  if (guessing(rules, deviceRefusals, scan)) signals.push("device_often_refused")
  return signals
}
