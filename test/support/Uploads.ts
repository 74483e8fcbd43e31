/** Uploads of scans that a device decided alone, and the live scans beside them, as clients send them. */
import { assert } from "@effect/vitest"
import { DateTime, Effect } from "effect"
import type { ScanResult } from "../../rpc/Scan.ts"
import { TestApp } from "./TestApp.ts"

/** One scan of an upload. */
export interface Uploaded {
  readonly scan_id: string
  readonly ticket_code: string | null
  readonly qr_data: string | null
  readonly gate: string
  readonly direction: string
  readonly result: ScanResult
  readonly timestamp: string
}

/** Minutes of one evening. */
export const minute = (at: number) => DateTime.makeUnsafe(Date.parse("2025-06-20T20:00:00Z") + at * 60_000)

let made = 0

/** An entry that its device allowed at that minute, unless changed; its id is as long as ids of some devices are. */
export const entry = (
  ticket_code: string,
  at: number,
  changes: Partial<Uploaded> = {}
): Partial<Uploaded> => ({
  scan_id: `upload-${"x".repeat(100)}-${++made}`,
  ticket_code,
  gate: "A",
  result: "valid",
  timestamp: DateTime.formatIso(minute(at)),
  ...changes
})

/** The body of an upload. */
export const uploadBody = (
  eventId: number,
  scans: ReadonlyArray<Partial<Uploaded>>,
  device = "scanner-1"
) => ({ event_id: eventId, scanner_id: device, operator_id: "operator-1", scans })

/** Uploads scans as one device; answers what came back. */
export const upload = Effect.fnUntraced(function* (
  token: string,
  eventId: number,
  scans: ReadonlyArray<Partial<Uploaded>>,
  { device = "scanner-1", language = "en" } = {}
) {
  const app = yield* TestApp
  return yield* app.ask("/api/scans/batch", {
    token,
    headers: { "accept-language": language },
    body: uploadBody(eventId, scans, device)
  })
})

/** The same, accepted. */
export const sent = Effect.fnUntraced(function* (...args: Parameters<typeof upload>) {
  const answer = yield* upload(...args)
  assert.strictEqual(answer.status, 200, answer.text)
  return answer.json
})

/** The results of an upload, in its order. */
export const results = ({ verdicts }: { verdicts: ReadonlyArray<{ result: string }> }) =>
  verdicts.map(({ result }) => result)

/** One scan of a device that is connected. */
export const live = Effect.fnUntraced(function* (token: string, eventId: number, code: string, gate = "A") {
  const app = yield* TestApp
  const answer = yield* app.ask("/api/scans/validate", {
    token,
    body: {
      event_id: eventId,
      ticket_code: code,
      scanner_id: "live-1",
      operator_id: "operator-1",
      scan_location: { gate }
    }
  })
  assert.strictEqual(answer.status, 200, answer.text)
  return answer.json
})
