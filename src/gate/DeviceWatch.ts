/** Remembers which devices are refused often: a sign of guessing, noted beside the verdict and never a refusal. */
import * as DateTime from "effect/DateTime"
import type { Verdict } from "../../rpc/Scan.ts"

const windowMillis = 60_000
const many = 20

/** The refusals of the last minute, by device; memory of one activation, lost with it. */
export class DeviceWatch {
  readonly #refusals = new Map<string, Array<number>>()

  /** Notes a verdict; admissions are not counted. */
  note(deviceId: string, verdict: Verdict): void {
    if (verdict.result === "valid") return
    const at = DateTime.toEpochMillis(verdict.decided_at)
    const recent = [...this.#refusals.get(deviceId) ?? [], at].slice(-many)
    this.#refusals.delete(deviceId)
    this.#refusals.set(deviceId, recent)
    this.#forget(at - windowMillis)
  }

  /** Whether the device was refused 20 times within the last minute. */
  isSuspect(deviceId: string, now: DateTime.Utc): boolean {
    const recent = this.#refusals.get(deviceId) ?? []
    return recent.length === many && recent[0]! > DateTime.toEpochMillis(now) - windowMillis
  }

  /** Devices are kept in the order of their last refusal, so the oldest come first. */
  #forget(before: number): void {
    for (const [deviceId, recent] of this.#refusals) {
      if (recent.at(-1)! >= before) return
      this.#refusals.delete(deviceId)
    }
  }
}
