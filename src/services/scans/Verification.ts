/** What was shown says about itself: a pure reading, its signature and its time, before the core is asked. */
import { DateTime, Result, Schema } from "effect"
import { TicketId } from "../../../rpc/values/Ids.ts"
import { readShown, type Unread } from "../../gate/reading/Reading.ts"
import { withoutReaderNoise } from "../../gate/reading/ReaderNoise.ts"
import type { InternalScanBody } from "../../gate/ScanBodies.ts"
import type { TrustedKeys } from "../../trust/SigningKeys.ts"
import type { VerifyRequest } from "./ScanApi.ts"

/** A ticket issued later than this from now was not issued by a clock of ours. */
const skewSeconds = 300

/** What was shown to the service. */
type Shown = Pick<VerifyRequest, "qr_data" | "ticket_code">

/**
 * The ticket that the QR names, whether or not it is genuine; `null` when it names none. `sent` is what the core has to
 * read for itself: a printed code, or the texts that name no ticket by a reader's or a steward's fault.
 */
export interface Verification {
  readonly ticketId: number | null
  readonly signatureValid: boolean
  readonly timestampValid: boolean
  readonly refusal: Unread | null
  readonly sent: Shown
}

const claimedTicket = Schema.decodeUnknownResult(Schema.fromJsonString(Schema.Struct({ id: TicketId })))

const claimOf = (text: string): number | null =>
  Result.match(claimedTicket(withoutReaderNoise(text)), { onFailure: () => null, onSuccess: ({ id }) => id })

const doubtful = { signatureValid: false, timestampValid: false } as const

/** The core takes no longer text, and nothing longer is a ticket. */
const isShort = (text: string | null | undefined): text is string =>
  text !== null && text !== undefined && text.length <= 4_096

const onlySet = ({ qr_data, ticket_code }: Shown): Shown => ({
  ...(isShort(ticket_code) ? { ticket_code } : {}),
  ...(isShort(qr_data) ? { qr_data } : {})
})

/** Reads what was shown and verifies its QR against the published keys. Never throws. */
export const verify = (shown: Shown, keys: TrustedKeys, now: DateTime.Utc): Verification => {
  const { forged, qr, ticketCode } = readShown(shown.ticket_code, shown.qr_data, keys)
  const code = ticketCode === null ? {} : { ticket_code: ticketCode }
  if (qr !== null) {
    const timestampValid = qr.timestamp <= DateTime.toEpochMillis(now) / 1_000 + skewSeconds
    return { ticketId: qr.id, signatureValid: true, timestampValid, refusal: null, sent: code }
  }
  if (forged === null) return { ticketId: null, ...doubtful, refusal: null, sent: code }
  const ours = forged === "unreadable" || forged === "codes_differ"
  const claims = !ours && forged !== "oversized"
  const ticketId = claims ? claimOf(shown.qr_data ?? shown.ticket_code ?? "") : null
  return { ticketId, ...doubtful, refusal: forged, sent: ours ? onlySet(shown) : {} }
}

/** The documented internal body; a direction, a time and what the core must read are added only when there are any. */
export const internalBody = (
  request: VerifyRequest,
  { sent, signatureValid, ticketId, timestampValid }: Verification
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
  ...(request.timestamp === undefined || request.timestamp === null ? {} : { timestamp: request.timestamp }),
  ...sent
})
