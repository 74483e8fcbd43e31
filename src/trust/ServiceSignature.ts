/** One signature over everything that is believed: method, address, service, request id, time and body. */
import { Option, Redacted } from "effect"
import { createHash, createHmac, timingSafeEqual } from "node:crypto"
import { trimEnd } from "../bounds/Trim.ts"

/** The header of a signed service request: `v1=<hex>`, several separated by commas. */
export const serviceSignatureHeader = "x-service-signature"

/** Seconds that a timestamp may differ from our clock, in the past and in the future alike. */
export const allowedSkew = 300

/** What is signed; `url` is the path with its query, `body` the raw bytes. */
export interface SignedRequest {
  readonly method: string
  readonly url: string
  readonly service: string
  readonly requestId: string
  readonly timestamp: string
  readonly body: Uint8Array
}

const upTo = (text: string, mark: string): string => {
  const at = text.indexOf(mark)
  return at < 0 ? text : text.slice(0, at)
}

/** The path and query of an address, without host and without the trailing slash of the path. */
export const pathOf = (url: string): string => {
  const local = upTo(url.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, ""), "#")
  const path = upTo(local, "?")
  const bare = trimEnd(path, "/")
  return (bare === "" ? "/" : bare) + local.slice(path.length)
}

/** The signed text: six lines, the last one the SHA-256 of the body in hex. */
export const canonical = (request: SignedRequest): string =>
  [
    request.method.toUpperCase(),
    pathOf(request.url),
    request.service,
    request.requestId,
    request.timestamp,
    createHash("sha256").update(request.body).digest("hex")
  ].join("\n")

const mac = (secret: Redacted.Redacted, text: string | Uint8Array): Buffer =>
  createHmac("sha256", Redacted.value(secret)).update(text).digest()

/** Compares in constant time; a signature of another length is wrong, not an exception. */
export const sameBytes = (left: Uint8Array, right: Uint8Array): boolean =>
  left.length === right.length && timingSafeEqual(left, right)

/** The `v1` signatures of a header, by its separator-joined `key=value` items. */
export const signaturesOf = (header: string, key = "v1"): ReadonlyArray<Buffer> =>
  header.split(",").map((item) => item.trim()).filter((item) => item.startsWith(`${key}=`)).map((item) => {
    const hex = item.slice(key.length + 1)
    return /^[0-9a-f]{64}$/.test(hex) ? Buffer.from(hex, "hex") : Buffer.alloc(0)
  })

/** Whether one of the signatures is that of the text under one of the secrets; all pairs are compared. */
export const matches = (
  text: string | Uint8Array,
  secrets: ReadonlyArray<Redacted.Redacted>,
  signatures: ReadonlyArray<Uint8Array>
): boolean => {
  let found = false
  for (const secret of secrets) {
    const expected = mac(secret, text)
    for (const signature of signatures) found = sameBytes(expected, signature) || found
  }
  return found
}

/** The value of the signature header for a request. */
export const sign = (secret: Redacted.Redacted, request: SignedRequest): string =>
  `v1=${mac(secret, canonical(request)).toString("hex")}`

/** The hex HMAC-SHA256 of a text. */
export const hmacHex = (secret: Redacted.Redacted, text: string | Uint8Array): string =>
  mac(secret, text).toString("hex")

const iso = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/

/**
 * The instant of an ISO 8601 timestamp in milliseconds, when it is one and within the allowed skew of now.
 */
export const freshInstant = (timestamp: string, now: number): Option.Option<number> => {
  const instant = iso.test(timestamp) ? Date.parse(timestamp) : Number.NaN
  return Math.abs(instant - now) <= allowedSkew * 1000 ? Option.some(instant) : Option.none()
}
