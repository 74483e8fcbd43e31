/** Remembers how often devices are refused: a sign of guessing, which the event's rules judge. */
import * as DateTime from "effect/DateTime"
import type { AdmitRequest, ScanResult, Verdict } from "../../rpc/Scan.ts"

/** The largest window and count that rules may ask for. */
const windowMillis = 3_600_000
const kept = 1_000

/** Devices that are remembered: a device names itself, so there may be any number of them. */
const devices = 10_000

/** Refusals of what was shown; a full house, a closed door or a wrong operator says nothing of the codes. */
const ofTheCode: ReadonlySet<ScanResult> = new Set([
  "already_used",
  "forged",
  "not_inside",
  "suspected_fraud",
  "unknown_ticket",
  "unpaid",
  "voided",
  "wrong_event"
])

/** A device that is refused for nothing but its earlier refusals is free again once those are old. */
const byItsBlock = ({ result, signals }: Verdict): boolean =>
  result === "suspected_fraud" && signals.every((signal) => signal === "device_often_refused")

/** The refusals of the last hour, by device; memory of one activation, lost with it. */
export class DeviceWatch {
  readonly #refusals = new Map<string, Array<number>>()

  /** Notes the refusal of a code that was shown now; what a device decided alone happened at other times. */
  note({ deviceId, source }: AdmitRequest, verdict: Verdict): void {
    if (source === "batch" || !ofTheCode.has(verdict.result) || byItsBlock(verdict)) return
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
