/**
 * What the QR of a ticket says: the JSON of the flows document, plus the code, a key id and an Ed25519
 * signature.
 */
import { verify as verifyBytes } from "node:crypto"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type { EventNumber } from "../../rpc/values/Ids.ts"
import type { SigningKeys, TrustedKeys } from "./SigningKeys.ts"

/** The ticket that a QR names; `timestamp` is the second it was issued, in Unix time. */
export interface QrTicket {
  readonly id: number
  readonly eventId: EventNumber
  readonly timestamp: number
  readonly code: string
}

/** Verified QR data: a ticket, who signed it, and the signature in base64url. */
export interface QrData extends QrTicket {
  readonly kid: string
  readonly sig: string
}

/**
 * Why QR text is not a ticket of ours: too long to be one, not the JSON we print, the document's bare JSON
 * without a signature, signed under a key we do not publish, or signed by someone else.
 */
export const QrRefusal = Schema.Literals(["oversized", "malformed", "unsigned", "unknown_key", "forged"])
export type QrRefusal = typeof QrRefusal.Type

const longest = 512
const positive = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }))
const bare = { id: positive, eventId: positive, timestamp: positive }
const Unsigned = Schema.Struct(bare)
const Signed = Schema.Struct({
  ...bare,
  code: Schema.String.check(Schema.isPattern(/^[A-Z0-9-]{1,64}$/)),
  kid: Schema.String.check(Schema.isPattern(/^[A-Za-z0-9_-]{1,16}$/)),
  sig: Schema.String.check(Schema.isPattern(/^[A-Za-z0-9_-]{86}$/))
})
const decodeSigned = Schema.decodeUnknownExit(Signed)
const decodeUnsigned = Schema.decodeUnknownExit(Unsigned)

const signedBytes = ({ id, eventId, timestamp, code }: QrTicket): Uint8Array =>
  new TextEncoder().encode(`guichet.ticket.v1\n${id}\n${eventId}\n${timestamp}\n${code}`)

const print = ({ id, eventId, timestamp, code, kid, sig }: QrData): string =>
  JSON.stringify({ id, eventId, timestamp, code, kid, sig })

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The text to print in the QR. It is the only spelling that verifies: one ticket has one text. */
const sign = (keys: SigningKeys["Service"], ticket: QrTicket): string =>
  print({ ...ticket, kid: keys.kid, sig: Buffer.from(keys.sign(signedBytes(ticket))).toString("base64url") })

/**
 * Checks scanned text against the published keys, offline. Never throws; text over 512 characters is not
 * read.
 */
const verify = (text: string, keys: TrustedKeys): Result.Result<QrData, QrRefusal> => {
  if (text.length > longest) return Result.fail("oversized")
  const json = parse(text)
  const decoded = decodeSigned(json)
  if (Exit.isFailure(decoded)) {
    return Result.fail(Exit.isSuccess(decodeUnsigned(json)) ? "unsigned" : "malformed")
  }
  const data: QrData = decoded.value
  const signature = Buffer.from(data.sig, "base64url")
  if (print({ ...data, sig: signature.toString("base64url") }) !== text) return Result.fail("malformed")
  const key = keys.get(data.kid)
  if (key === undefined) return Result.fail("unknown_key")
  return verifyBytes(null, signedBytes(data), key, signature) ? Result.succeed(data) : Result.fail("forged")
}

/** QR data: signed by the core, verified by any gate that holds the published keys. */
export const QrData = { sign, verify }
