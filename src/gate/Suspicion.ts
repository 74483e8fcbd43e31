/** What looks odd about a scan, by the event's rules and by what the gate knows, and the refusals of a device that it remembers for that. */
import * as DateTime from "effect/DateTime"
import type { AdmitRequest, GateRules, ScanResult, Signal, Verdict } from "../../rpc/Scan.ts"
import { isSameGate } from "../../rpc/values/GateName.ts"
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
  { inside, lastEntry, letIn }: GateTicket,
  gate: string,
  at: DateTime.Utc
): boolean =>
  rules.copy_window_seconds > 0 && (inside || letIn > 0) && lastEntry !== null &&
  !isSameGate(lastEntry.gate, gate) &&
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

/** The largest window and count that rules may ask for. */
const windowMillis = 3_600_000
const kept = 1_000

/** Devices that are remembered: a device names itself, so there may be any number of them. */
const devices = 10_000

/** Whether a result speaks against the code that was shown; a full house or a closed door says nothing of it. */
const speaksAgainstCode: Readonly<Record<ScanResult, boolean>> = {
  already_used: true,
  forged: true,
  not_inside: true,
  suspected_fraud: true,
  unknown_ticket: true,
  unpaid: true,
  voided: true,
  wrong_event: true,
  valid: false,
  not_yet_valid: false,
  expired: false,
  unknown_event: false,
  event_inactive: false,
  capacity_reached: false,
  operator_forbidden: false,
  gate_forbidden: false,
  scan_id_reused: false,
  scan_annulled: false,
  refused_offline: false,
  unreadable: false
}

/** A device that is refused for nothing but its earlier refusals is free again once those are old. */
const byItsBlock = ({ result, signals }: Verdict): boolean =>
  result === "suspected_fraud" && signals.every((signal) => signal === "device_often_refused")

/** How often devices were refused in the last hour, a sign of guessing; memory of one activation, lost with it. */
export class DeviceRefusals {
  readonly #refusals = new Map<string, Array<number>>()

  /** Notes the refusal of a code that was shown now; what a device decided alone happened at other times. */
  note({ deviceId, source }: AdmitRequest, verdict: Verdict): void {
    if (source === "batch" || !speaksAgainstCode[verdict.result] || byItsBlock(verdict)) return
    if (verdict.read_again_seconds !== undefined) return
    const at = DateTime.toEpochMillis(verdict.decided_at)
    const recent = this.#refusals.get(deviceId) ?? []
    recent.push(at)
    if (recent.length > kept) recent.shift()
    this.#refusals.delete(deviceId)
    this.#refusals.set(deviceId, recent)
    this.#forget(at - windowMillis)
  }

  /** How often the device was refused within these seconds. */
  refusals(deviceId: string, seconds: number, now: DateTime.Utc): number {
    const recent = this.#refusals.get(deviceId)
    if (recent === undefined) return 0
    const since = DateTime.toEpochMillis(now) - seconds * 1_000
    return recent.length - (recent.findLastIndex((at) => at < since) + 1)
  }

  /** Devices are kept in the order of their last refusal, so the oldest come first. */
  #forget(before: number): void {
    for (const [deviceId, recent] of this.#refusals) {
      if (recent.at(-1)! >= before && this.#refusals.size <= devices) return
      this.#refusals.delete(deviceId)
    }
  }
}
