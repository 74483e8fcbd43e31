/** What devices decided alone and upload later: its body, and how each scan of it becomes one for the gate. */
import { DateTime, Schema } from "effect"
import { type EventId, EventNumber } from "../../../rpc/values/Ids.ts"
import { type AdmitRequest, Direction, type Permission, ScanResult } from "../../../rpc/Scan.ts"
import { isSameGate } from "../../../rpc/values/GateName.ts"
import { Instant, Label } from "../../../rpc/values/Values.ts"
import { paced } from "../../../rpc/values/Paced.ts"
import type { TrustedKeys } from "../../trust/SigningKeys.ts"
import { readShown } from "../reading/Reading.ts"
import {
  gateOf,
  named,
  ScanId,
  ScanLocation,
  shownFields,
  showsSomething,
  storableJson
} from "../ScanBodies.ts"

/** The most scans in one upload. */
export const uploadLimit = 5_000

const absent = (value: unknown): boolean => value === undefined || value === null

const placed = Schema.makeFilter((scan: {
  readonly gate?: string | null
  readonly scan_location?: { readonly gate: string } | null
}) => {
  const issues: Array<Schema.FilterIssue> = []
  if (absent(scan.gate) && absent(scan.scan_location)) {
    issues.push({ path: ["gate"], issue: "Expected gate or scan_location" })
  }
  if (
    !absent(scan.gate) && !absent(scan.scan_location) && !isSameGate(scan.gate!, scan.scan_location!.gate)
  ) {
    issues.push({ path: ["gate"], issue: "Expected the gate of scan_location" })
  }
  return issues
})

/**
 * One scan: `result` is what the device decided, `valid` when it let someone pass, and `timestamp` when it did, by its
 * own clock. Whatever a camera reads may be uploaded: what is no ticket of ours gets its verdict like any other.
 */
export const OfflineScan = Schema.Struct({
  scan_id: ScanId,
  ...shownFields,
  gate: Schema.optionalKey(Schema.NullOr(Label)),
  scan_location: Schema.optionalKey(Schema.NullOr(ScanLocation)),
  direction: Schema.optionalKey(Direction),
  result: ScanResult,
  timestamp: Instant
}).check(showsSomething, placed)
export type OfflineScan = typeof OfflineScan.Type

const distinct = Schema.makeFilter((scans: ReadonlyArray<{ readonly scan_id: string }>) => {
  const seen = new Set<string>()
  const issues: Array<Schema.FilterIssue> = []
  scans.forEach(({ scan_id }, at) => {
    if (seen.has(scan_id)) issues.push({ path: [at, "scan_id"], issue: "This scan id occurs twice" })
    seen.add(scan_id)
  })
  return issues
})

/** An upload; sent again, whole or in other pieces, it gets the same verdicts. */
export const OfflineUpload = Schema.Struct({
  event_id: EventNumber,
  scanner_id: Label,
  operator_id: Label,
  scans: Schema.Array(paced(OfflineScan)).check(Schema.isBetweenLength(1, uploadLimit), distinct)
})
export type OfflineUpload = typeof OfflineUpload.Type

/** The scans in the order in which they happened; of two at once the first in the upload comes first. */
export const asTheyHappened = (scans: ReadonlyArray<OfflineScan>): ReadonlyArray<OfflineScan> =>
  scans.toSorted((a, b) => DateTime.toEpochMillis(a.timestamp) - DateTime.toEpochMillis(b.timestamp))

/** One scan of the upload, for the gate; verifying its QR takes most of the time. */
export const fromUpload = (
  { operator_id, scanner_id }: OfflineUpload,
  scan: OfflineScan,
  { eventId, operator, trusted }: {
    readonly eventId: EventId
    readonly operator: Permission
    readonly trusted: TrustedKeys
  }
): AdmitRequest => ({
  scanId: scan.scan_id,
  eventId,
  ...named(readShown(scan.ticket_code, scan.qr_data, trusted)),
  deviceId: scanner_id,
  operator,
  gate: gateOf(scan.gate ?? scan.scan_location?.gate ?? "", operator),
  direction: scan.direction ?? "entry",
  deviceTime: scan.timestamp,
  claimed: scan.result,
  source: "batch",
  context: storableJson({
    operator_id,
    section: scan.scan_location?.section ?? null,
    coordinates: scan.scan_location?.coordinates ?? null
  })
})
