/** What a scan came to, and how it is shown. */
import type { ScanResult } from "../../rpc/Scan.ts"

/** How a result is shown: let in, turn away, or fetch somebody. */
export type Tone = "go" | "stop" | "look"

/** What a scan came to; `alone` when this device decided. */
export interface Outcome {
  readonly id: string
  readonly tone: Tone
  readonly result: ScanResult | null
  readonly message: string
  readonly name: string | null
  readonly type: string | null
  readonly alone: boolean
  readonly suspect: boolean
}

/** Results that somebody at the gate can do something about, other than turn the guest away. */
const helpable: ReadonlySet<ScanResult> = new Set<ScanResult>([
  "unpaid",
  "not_yet_valid",
  "capacity_reached",
  "event_inactive",
  "unknown_event",
  "operator_forbidden",
  "gate_forbidden",
  "suspected_fraud",
  "scan_id_reused",
  "scan_annulled"
])

/** How a result looks. */
export const toneOf = (result: ScanResult): Tone =>
  result === "valid" ? "go" : helpable.has(result) ? "look" : "stop"

/** Somebody is to be fetched: nothing was decided. */
export const alert = (id: string, message: string): Outcome => ({
  id,
  tone: "look",
  result: null,
  message,
  name: null,
  type: null,
  alone: true,
  suspect: false
})
