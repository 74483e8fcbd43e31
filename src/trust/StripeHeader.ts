/** The header in which Stripe signs, and in which the payment service signs to the core: `t=<seconds>,v1=<hex>`. */
import type { Redacted } from "effect"
import { allowedSkew, hmacHex, matches, signaturesOf } from "./ServiceSignature.ts"

/** The header of Stripe's webhooks, and of flow 2. */
export const stripeSignatureHeader = "stripe-signature"

const encoder = new TextEncoder()

/** What is signed: the seconds as the header says them, a dot, and the raw body. */
const signedText = (seconds: number, body: Uint8Array): Uint8Array => {
  const head = encoder.encode(`${seconds}.`)
  const text = new Uint8Array(head.length + body.length)
  text.set(head)
  text.set(body, head.length)
  return text
}

/** A header over a body (https://docs.stripe.com/webhooks#verify-manually). */
export const stripeHeader = (secret: Redacted.Redacted, seconds: number, body: Uint8Array): string =>
  `t=${seconds},v1=${hmacHex(secret, signedText(seconds, body))}`

/** An item as Stripe writes it, without spaces: a header with anything else in it is not Stripe's. */
const isItem = (item: string): boolean => /^\w+=\S+$/.test(item)

/** The signed second: a header names exactly one, and names it as it is signed. */
const secondsIn = (header: string): number | undefined => {
  const items = header.split(",")
  const stamps = items.filter((item) => /^t=/i.test(item))
  const [stamp] = stamps
  return items.every(isItem) && stamps.length === 1 && stamp !== undefined && /^t=[1-9]\d{0,11}$/.test(stamp)
    ? Number(stamp.slice(2))
    : undefined
}

/**
 * The second at which one of the secrets signed these raw bytes, when it is within the allowed skew of now; bytes are
 * never read as text before that, since other bytes may read alike.
 */
export const signedSecond = (
  header: string,
  body: Uint8Array,
  secrets: ReadonlyArray<Redacted.Redacted>,
  now: number
): number | undefined => {
  const seconds = secondsIn(header)
  if (seconds === undefined || Math.abs(Math.floor(now / 1000) - seconds) > allowedSkew) return undefined
  return matches(signedText(seconds, body), secrets, signaturesOf(header)) ? seconds : undefined
}
