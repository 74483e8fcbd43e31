/**
 * Reads the documented body of a scan without the schema, when it is as devices send it. Whatever it is not sure of it
 * leaves to the schema: it accepts less, and never reads anything else (`test/api/gate/PlainScan.test.ts` compares them).
 */
import * as DateTime from "effect/DateTime"
import type { ScanBody, ScanLocation } from "../../gate/ScanBodies.ts"

type Members = Readonly<Record<string, unknown>>

const isMembers = (value: unknown): value is Members =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const isAbsent = (value: unknown): value is null | undefined => value === undefined || value === null

/** Printable Latin without a space at either end is a label beyond doubt. */
const isLabel = (value: unknown): value is string =>
  typeof value === "string" && value.length <= 200 &&
  /^[!-~\u00a1-\u017f](?:[ -~\u00a1-\u017f]*)$/.test(value)

const isScanned = (value: unknown): value is string => typeof value === "string" && value.length <= 4_096

const isWithin = (value: unknown, bound: number): value is number =>
  typeof value === "number" && value >= -bound && value <= bound

const isScanId = (value: unknown): value is string =>
  typeof value === "string" && /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/.test(value)

const instantPattern = /^(?:19[7-9]\d|2\d{3})-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{3})?Z$/

/** An instant in UTC that the calendar has: the same text comes back. */
const instantOf = (value: unknown): DateTime.Utc | undefined => {
  if (typeof value !== "string" || !instantPattern.test(value)) return undefined
  const millis = Date.parse(value)
  if (Number.isNaN(millis)) return undefined
  const instant = DateTime.makeUnsafe(millis)
  return new Date(millis).toISOString().slice(0, 19) === value.slice(0, 19) ? instant : undefined
}

const locationOf = (value: unknown): typeof ScanLocation.Type | undefined => {
  if (!isMembers(value) || !isLabel(value["gate"])) return undefined
  const { coordinates, gate, section } = value
  if (!isAbsent(section) && !isLabel(section)) return undefined
  const at = isAbsent(section) ? { gate } : { gate, section }
  if (isAbsent(coordinates)) return at
  if (!isMembers(coordinates)) return undefined
  const { lat, lng } = coordinates
  return isWithin(lat, 90) && isWithin(lng, 180) ? { ...at, coordinates: { lat, lng } } : undefined
}

type Body = { -readonly [Name in keyof ScanBody]: ScanBody[Name] }

/** The body of a scan, from parsed JSON, or undefined; an absent optional member and null are the same to the gate. */
export const plainScan = (value: unknown): ScanBody | undefined => {
  if (!isMembers(value)) return undefined
  const {
    direction,
    event_id,
    operator_id,
    qr_data,
    scan_id,
    scan_metadata,
    scanner_id,
    ticket_code,
    timestamp
  } = value
  const location = locationOf(value["scan_location"])
  if (!isScanned(ticket_code) || !isLabel(scanner_id) || !isLabel(operator_id)) return undefined
  if (!Number.isSafeInteger(event_id) || (event_id as number) < 1 || location === undefined) return undefined
  const body: Body = {
    ticket_code,
    event_id: event_id as number,
    scanner_id,
    operator_id,
    scan_location: location
  }
  const claim = value["validation_result"]
  if (isLabel(claim)) body.validation_result = claim
  else if (!isAbsent(claim)) return undefined
  if (isMembers(scan_metadata)) body.scan_metadata = scan_metadata as NonNullable<ScanBody["scan_metadata"]>
  else if (!isAbsent(scan_metadata)) return undefined
  if (isScanId(scan_id)) body.scan_id = scan_id
  else if (scan_id !== undefined) return undefined
  if (direction === "entry" || direction === "exit") body.direction = direction
  else if (direction !== undefined) return undefined
  if (isScanned(qr_data)) body.qr_data = qr_data
  else if (qr_data !== undefined) return undefined
  if (timestamp === undefined) return body
  const instant = instantOf(timestamp)
  if (instant === undefined) return undefined
  body.timestamp = instant
  return body
}
