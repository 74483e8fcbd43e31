/** The two documented bodies of flow 3, accepted unchanged, and how each becomes a scan for the gate. */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { type EventId, EventNumber, TicketId } from "../../rpc/values/Ids.ts"
import { type AdmitRequest, Direction, type Permission } from "../../rpc/Scan.ts"
import { Instant, Label } from "../../rpc/values/Values.ts"
import { QrData } from "../trust/QrData.ts"
import type { TrustedKeys } from "../trust/SigningKeys.ts"

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

const extras = {
  scan_id: Schema.optionalKey(ScanId),
  direction: Schema.optionalKey(Direction),
  qr_data: Schema.optionalKey(Scanned),
  timestamp: Schema.optionalKey(Instant)
}

/**
 * From a device: `ticket_code` is the printed code or the text of the QR, `qr_data` the QR beside a code;
 * `validation_result` is the device's claim, kept and never believed.
 */
export const ScanBody = Schema.Struct({
  ticket_code: Scanned,
  event_id: EventNumber,
  scanner_id: Label,
  validation_result: Schema.optionalKey(Schema.NullOr(Label)),
  scan_location: ScanLocation,
  scan_metadata: Schema.optionalKey(Schema.NullOr(ScanMetadata)),
  operator_id: Label,
  ...extras
})
export type ScanBody = typeof ScanBody.Type

/**
 * From the scan service, which decoded the QR; it knows the ticket's type and user only when the QR or the request says them. `ticketId` is null
 * when the text named no ticket: such a scan is refused, and stored like any other.
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

type Qr = Pick<AdmitRequest, "forged" | "ticketId">

/** A QR that was sent along: its ticket, or why it is none of ours. */
export const readQr = (text: string | undefined, trusted: TrustedKeys): Qr =>
  text === undefined ? { forged: null, ticketId: null } : Result.match(QrData.verify(text, trusted), {
    onFailure: (reason) => ({ forged: reason, ticketId: null }),
    onSuccess: ({ id }) => ({ forged: null, ticketId: id })
  })

/** No printed code begins so: this is the text of a QR, sent as a camera read it. */
const isQrText = (text: string): boolean => text.trimStart().startsWith("{")

/** What was read, where it belongs: a scanner may know one field only, and a camera reads the QR into it. */
const read = (
  { qr_data, ticket_code }: ScanBody,
  trusted: TrustedKeys
): Qr & Pick<AdmitRequest, "ticketCode"> =>
  qr_data === undefined && isQrText(ticket_code)
    ? { ticketCode: null, ...readQr(ticket_code, trusted) }
    : { ticketCode: storableText(ticket_code), ...readQr(qr_data, trusted) }

/** A device's scan: by the printed code, by the QR, or by both. */
export const fromDevice = (
  body: ScanBody,
  { eventId, operator, scanId, trusted }: ScanCircumstances
): AdmitRequest => ({
  scanId: body.scan_id ?? scanId,
  eventId,
  ...read(body, trusted),
  deviceId: body.scanner_id,
  operator,
  gate: body.scan_location.gate,
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

/** A scan that the scan service verified; QR data sent along is verified again. */
export const fromScanService = (
  body: InternalScanBody,
  { eventId, operator, scanId, trusted }: ScanCircumstances
): AdmitRequest => {
  const qr = readQr(body.qr_data, trusted)
  const ticketId = body.ticketId ?? qr.ticketId
  const mismatch = qr.ticketId !== null && qr.ticketId !== ticketId ? "forged" : null
  const unread = ticketId === null ? "malformed" : null
  return {
    scanId: body.scan_id ?? scanId,
    eventId,
    ticketCode: null,
    ticketId,
    forged: doubt(body.validationMetadata) ?? qr.forged ?? mismatch ?? unread,
    deviceId: body.scanContext.deviceId,
    operator,
    gate: body.scanContext.location.gate,
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
  }
}
