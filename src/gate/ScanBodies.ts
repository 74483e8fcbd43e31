/** The two documented bodies of flow 3, accepted unchanged, and how each becomes a scan for the gate. */
import * as Schema from "effect/Schema"
import { type EventId, EventNumber, TicketId } from "../../rpc/values/Ids.ts"
import { type AdmitRequest, Direction, type Permission } from "../../rpc/Scan.ts"
import { configuredGate, gateName } from "../../rpc/values/GateName.ts"
import { Instant, Label } from "../../rpc/values/Values.ts"
import type { TrustedKeys } from "../trust/SigningKeys.ts"
import { type Reading, readShown } from "./reading/Reading.ts"

const isStorable = (text: string): boolean => text.isWellFormed() && !text.includes("\u0000")

/** Text from a device, made fit for PostgreSQL, which stores neither U+0000 nor half a character: both become U+FFFD. */
export const storableText = (text: string): string =>
  isStorable(text) ? text : text.toWellFormed().replaceAll("\u0000", "\ufffd")

const isFit = (value: Schema.Json): boolean => {
  if (typeof value === "string") return isStorable(value)
  if (typeof value !== "object" || value === null) return true
  if (Array.isArray(value)) return value.every(isFit)
  for (const key in value) if (!isStorable(key) || !isFit((value as Schema.JsonObject)[key]!)) return false
  return true
}

/** The same for every key and string of a JSON value, whose depth a schema has bounded. */
export const storableJson = (value: Schema.Json): Schema.Json => isFit(value) ? value : mended(value)

const mended = (value: Schema.Json): Schema.Json => {
  if (typeof value === "string") return storableText(value)
  if (typeof value !== "object" || value === null) return value
  if (Array.isArray(value)) return value.map(storableJson)
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [storableText(key), storableJson(item)])
  )
}

/** The device's own id of a scan: sent again with it by the same device, the scan gets the same verdict again. */
export const ScanId = Schema.String.check(
  Schema.isPattern(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/, {
    message: "Expected 1 to 128 letters, digits or . _ : -, such as a UUID"
  })
)

/** Whatever a camera may read: a bad code is refused by the gate, with a reason, and not by this schema. */
export const Scanned = Schema.String.check(Schema.isMaxLength(4_096))

/** Deeper or longer metadata is not a device's: it is kept with every scan. */
const metadataBounds = { depth: 16, characters: 8_192 }

const isTooDeep = (value: Schema.Json, levels: number): boolean => {
  if (typeof value !== "object" || value === null) return false
  if (levels === 0) return true
  for (const item of Object.values(value)) if (isTooDeep(item, levels - 1)) return true
  return false
}

/** Whatever a device knows of a scan: any JSON object of a bounded size, kept as it is. */
export const ScanMetadata = Schema.Record(Schema.String, Schema.Json).check(
  Schema.makeFilter((metadata: Schema.JsonObject) => {
    const { characters, depth } = metadataBounds
    if (isTooDeep(metadata, depth)) return `Expected at most ${depth} levels of nesting`
    return JSON.stringify(metadata).length <= characters ||
      `Expected metadata of at most ${characters} characters as JSON`
  })
)

/** Where a scan happened. */
export const ScanLocation = Schema.Struct({
  gate: Label,
  section: Schema.optionalKey(Schema.NullOr(Label)),
  coordinates: Schema.optionalKey(Schema.NullOr(Schema.Struct({
    lat: Schema.Finite.check(Schema.isBetween({ minimum: -90, maximum: 90 })),
    lng: Schema.Finite.check(Schema.isBetween({ minimum: -180, maximum: 180 }))
  })))
})

/** What was shown, in either field or in both: the printed code or the text of the QR. */
export const shownFields = {
  ticket_code: Schema.optionalKey(Schema.NullOr(Scanned)),
  qr_data: Schema.optionalKey(Schema.NullOr(Scanned))
}

const extras = {
  ...shownFields,
  scan_id: Schema.optionalKey(Schema.NullOr(ScanId)),
  direction: Schema.optionalKey(Schema.NullOr(Direction)),
  timestamp: Schema.optionalKey(Schema.NullOr(Instant))
}

const absent = (value: unknown): boolean => value === undefined || value === null

/** Something must have been shown; an empty text is a camera that read nothing. */
export const showsSomething = Schema.makeFilter((body: {
  readonly ticket_code?: string | null
  readonly qr_data?: string | null
}) =>
  absent(body.ticket_code) && absent(body.qr_data)
    ? { path: ["ticket_code"], issue: "Expected ticket_code, qr_data, or both" }
    : undefined
)

/**
 * From a device: the printed code or the text of the QR in `ticket_code` or `qr_data`, or one in each;
 * `validation_result` is the device's claim, kept and never believed.
 */
export const ScanBody = Schema.Struct({
  event_id: EventNumber,
  scanner_id: Label,
  validation_result: Schema.optionalKey(Schema.NullOr(Label)),
  scan_location: ScanLocation,
  scan_metadata: Schema.optionalKey(Schema.NullOr(ScanMetadata)),
  operator_id: Label,
  ...extras
}).check(showsSomething)
export type ScanBody = typeof ScanBody.Type

/**
 * From the scan service, which decoded the QR; it knows the ticket's type and user only when the QR or the request says
 * them. `ticketId` is null when no QR named a ticket: then `ticket_code` is what was read, and a scan without that is
 * refused, and stored like any other.
 */
export const InternalScanBody = Schema.Struct({
  ticketId: Schema.NullOr(TicketId),
  eventId: EventNumber,
  ticketType: Schema.optionalKey(Schema.NullOr(Label)),
  userId: Schema.optionalKey(Schema.NullOr(Schema.Int)),
  scanContext: Schema.Struct({
    operatorId: Label,
    location: ScanLocation,
    deviceId: Label,
    checkpointId: Schema.optionalKey(Schema.NullOr(Label))
  }),
  validationMetadata: Schema.Struct({
    qr_decoded: Schema.Boolean,
    signature_valid: Schema.Boolean,
    timestamp_valid: Schema.Boolean,
    scan_source: Label
  }),
  ...extras
})
export type InternalScanBody = typeof InternalScanBody.Type

/**
 * What the caller of a mapping knows: the key of the body's event, who scans, the scan's id unless the body has one, the
 * published keys.
 */
export interface ScanCircumstances {
  readonly eventId: EventId
  readonly operator: Permission
  readonly scanId: string
  readonly trusted: TrustedKeys
}

/** What was read, as the gate decides it: a text that names no ticket is kept in a form that can be stored. */
export const named = (
  { forged, qr, ticketCode }: Reading
): Pick<AdmitRequest, "forged" | "ticketCode" | "ticketId"> => ({
  ticketCode: ticketCode === null ? null : storableText(ticketCode),
  ticketId: qr === null ? null : qr.id,
  forged
})

/** The gate as it was configured for whoever scans there, otherwise as its device writes it. */
export const gateOf = (written: string, { gates }: Permission): string =>
  (gates === null ? undefined : configuredGate(gates, written)) ?? gateName(written)

/** A device's scan: by the printed code, by the QR, or by both. */
export const fromDevice = (
  body: ScanBody,
  { eventId, operator, scanId, trusted }: ScanCircumstances
): AdmitRequest => ({
  scanId: body.scan_id ?? scanId,
  eventId,
  ...named(readShown(body.ticket_code, body.qr_data, trusted)),
  deviceId: body.scanner_id,
  operator,
  gate: gateOf(body.scan_location.gate, operator),
  direction: body.direction ?? "entry",
  deviceTime: body.timestamp ?? null,
  claimed: body.validation_result ?? null,
  source: "client",
  context: storableJson({
    operator_id: body.operator_id,
    section: body.scan_location.section ?? null,
    coordinates: body.scan_location.coordinates ?? null,
    metadata: body.scan_metadata ?? null
  })
})

const doubt = ({ qr_decoded, signature_valid, timestamp_valid }: InternalScanBody["validationMetadata"]) =>
  !qr_decoded ? "malformed" : !signature_valid ? "forged" : !timestamp_valid ? "timestamp" : null

/** The ticket that a body of the scan service names, by number: what the service decoded, or the QR that it sent along. */
export const ticketIdOf = (body: InternalScanBody, trusted: TrustedKeys): number | null =>
  body.ticketId ?? readShown(body.ticket_code, body.qr_data, trusted).qr?.id ?? null

/** A code that no QR stands behind needs no signature; QR data sent along is verified again. */
const namedByService = (body: InternalScanBody, trusted: TrustedKeys) => {
  const read = named(readShown(body.ticket_code, body.qr_data, trusted))
  if (read.forged === "unreadable" || read.forged === "codes_differ") return read
  if (body.ticketId === null && read.ticketCode !== null) return read
  const ticketId = body.ticketId ?? read.ticketId
  const mismatch = read.ticketId !== null && read.ticketId !== ticketId ? "forged" : null
  const unread = ticketId === null ? "malformed" : null
  const forged = doubt(body.validationMetadata) ?? read.forged ?? mismatch ?? unread
  return { ...read, ticketId, forged }
}

/** A scan that the scan service verified. */
export const fromScanService = (
  body: InternalScanBody,
  { eventId, operator, scanId, trusted }: ScanCircumstances
): AdmitRequest => ({
  scanId: body.scan_id ?? scanId,
  eventId,
  ...namedByService(body, trusted),
  deviceId: body.scanContext.deviceId,
  operator,
  gate: gateOf(body.scanContext.location.gate, operator),
  direction: body.direction ?? "entry",
  deviceTime: body.timestamp ?? null,
  claimed: null,
  source: "internal",
  context: storableJson({
    section: body.scanContext.location.section ?? null,
    coordinates: body.scanContext.location.coordinates ?? null,
    checkpoint_id: body.scanContext.checkpointId ?? null,
    ticket_type: body.ticketType ?? null,
    user_id: body.userId ?? null,
    validation: body.validationMetadata
  })
})
