/** What a QR says about itself: pure checks of its signature and its time, before the core is asked. */
import { DateTime, Result, Schema } from "effect"
import { TicketId } from "../../../rpc/values/Ids.ts"
import type { InternalScanBody } from "../../gate/ScanBodies.ts"
import { QrData, type QrRefusal } from "../../trust/QrData.ts"
import type { TrustedKeys } from "../../trust/SigningKeys.ts"
import type { VerifyRequest } from "./ScanApi.ts"

/** A ticket issued later than this from now was not issued by a clock of ours. */
const skewSeconds = 300

/** The ticket that the QR names, whether or not it is genuine; `null` when it names none. */
export interface Verification {
  readonly ticketId: number | null
  readonly signatureValid: boolean
  readonly timestampValid: boolean
  readonly refusal: QrRefusal | null
}

const claimedTicket = Schema.decodeUnknownResult(Schema.fromJsonString(Schema.Struct({ id: TicketId })))

const claimOf = (text: string): number | null =>
  Result.match(claimedTicket(text), { onFailure: () => null, onSuccess: ({ id }) => id })

/** Verifies QR text against the published keys. Never throws. */
export const verify = (text: string, keys: TrustedKeys, now: DateTime.Utc): Verification =>
  Result.match(QrData.verify(text, keys), {
    onFailure: (refusal) => ({
      ticketId: refusal === "oversized" ? null : claimOf(text),
      signatureValid: false,
      timestampValid: false,
      refusal
    }),
    onSuccess: ({ id, timestamp }) => ({
      ticketId: id,
      signatureValid: true,
      timestampValid: timestamp <= DateTime.toEpochMillis(now) / 1_000 + skewSeconds,
      refusal: null
    })
  })

/** The documented internal body; `direction` and `timestamp` are added only when there is something to say. */
export const internalBody = (
  request: VerifyRequest,
  { signatureValid, ticketId, timestampValid }: Verification
): InternalScanBody => ({
  ticketId,
  eventId: request.event_id,
  ticketType: null,
  userId: null,
  scanContext: {
    operatorId: request.operator_id,
    location: request.location,
    deviceId: request.scanner_id,
    checkpointId: request.checkpoint_id ?? null
  },
  validationMetadata: {
    qr_decoded: ticketId !== null,
    signature_valid: signatureValid,
    timestamp_valid: timestampValid,
    scan_source: "mobile_app"
  },
  ...(request.direction === "exit" ? { direction: request.direction } : {}),
  ...(request.timestamp === undefined ? {} : { timestamp: request.timestamp })
})
