/**
 * Reads `to`: an e-mail address (RFC 5321 sizes, no quoting, nothing a header could break on) or a mobile
 * in E.164. Nobody is at `.invalid` (RFC 2606): erased guests have their address there.
 */
import { Data } from "effect"
import { parsePhoneNumberFromString } from "libphonenumber-js/mobile"

/** Whom a message goes to, and by which channel. */
export type Recipient = Data.TaggedEnum<{
  readonly Email: { readonly address: string }
  readonly Phone: { readonly number: string }
}>
export const Recipient = Data.taggedEnum<Recipient>()

const local = /^[a-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*$/i
const domain =
  /^(?:[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?\.)+[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,61}[\p{L}\p{N}])$/u
const e164 = /^\+[1-9]\d{6,14}$/

const isEmail = (to: string) => {
  const at = to.lastIndexOf("@")
  return at > 0 && at <= 64 && to.length <= 254 && !/\.invalid$/i.test(to) && local.test(to.slice(0, at)) &&
    domain.test(to.slice(at + 1))
}

const isMobile = (to: string) => e164.test(to) && parsePhoneNumberFromString(to)?.isValid() === true

/** `undefined` when nobody can be reached at `to`. */
export const parse = (to: string): Recipient | undefined => {
  if (isEmail(to)) return Recipient.Email({ address: to })
  if (isMobile(to)) return Recipient.Phone({ number: to })
  return undefined
}
