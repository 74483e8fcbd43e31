/**
 * The code printed under the QR: what a person types at the gate when the camera fails (flows document, flow
 * 1).
 */
import { randomBytes } from "node:crypto"
import type { EventNumber } from "./Ids.ts"

const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
const randomBits = 80
const pattern = /^TKT-\d{3,16}-[0-9A-HJKMNP-TV-Z]{6,26}$/

const crockford = (bytes: Uint8Array): string => {
  let text = ""
  let pending = 0
  let bits = 0
  for (const byte of bytes) {
    pending = (pending << 8) | byte
    bits += 8
    while (bits >= 5) {
      bits -= 5
      text += alphabet[(pending >> bits) & 31]
    }
    pending &= (1 << bits) - 1
  }
  return text
}

/** A fresh code: `TKT-001-` and 80 random bits in Crockford base32 (no I, L, O, U), 16 characters. */
const make = (event: EventNumber): string =>
  `TKT-${String(event).padStart(3, "0")}-${crockford(randomBytes(randomBits / 8))}`

/** True for the shape of a code; says nothing about its existence. */
const is = (text: string): boolean => text.length <= 64 && pattern.test(text)

/**
 * What a person typed, as we print it: upper case, no spaces, O read as 0 and I or L as 1 in the random part.
 */
const normalize = (typed: string): string => {
  const text = typed.replace(/\s+/g, "").toUpperCase()
  const random = text.lastIndexOf("-") + 1
  return text.slice(0, random) + text.slice(random).replaceAll("O", "0").replace(/[IL]/g, "1")
}

/** The codes under which a scanned code may be stored: as it was read, and as a person meant it. */
const spellings = (code: string): ReadonlyArray<string> => {
  const meant = normalize(code)
  return meant === code ? [code] : [code, meant]
}

/** Codes of tickets: made, recognised, and read back from a keyboard. */
export const TicketCode = { make, is, normalize, spellings }
