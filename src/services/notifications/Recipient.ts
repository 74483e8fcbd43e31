/**
 * Reads `to`: an e-mail address that a guest may have, its domain in ASCII, or a mobile in E.164. Nobody is at `.invalid`
 * (RFC 2606): erased guests have their address there.
 */
import { Data } from "effect"
import { parsePhoneNumberFromString } from "libphonenumber-js/mobile"
import { mailAddress } from "../../../rpc/Values.ts"

/** Whom a message goes to, and by which channel. */
export type Recipient = Data.TaggedEnum<{
  readonly Email: { readonly address: string }
  readonly Phone: { readonly number: string }
}>
export const Recipient = Data.taggedEnum<Recipient>()

const e164 = /^\+[1-9]\d{6,14}$/

const isMobile = (to: string) => e164.test(to) && parsePhoneNumberFromString(to)?.isValid() === true

/** `undefined` when nobody can be reached at `to`. */
export const parse = (to: string): Recipient | undefined => {
  const address = mailAddress(to)
  if (address?.endsWith(".invalid")) return undefined
  if (address !== undefined) return Recipient.Email({ address })
  if (isMobile(to)) return Recipient.Phone({ number: to })
  return undefined
}
