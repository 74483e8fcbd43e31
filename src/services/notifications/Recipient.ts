/**
 * Reads `to`: an e-mail address that a guest may have, its domain in ASCII, or a mobile in E.164. Nobody is at `.invalid`
 * (RFC 2606): erased guests have their address there.
 */
import { parsePhoneNumberFromString } from "libphonenumber-js/mobile"
import { Channel } from "../../../rpc/NotificationSequence.ts"
import { mailAddress } from "../../../rpc/values/Values.ts"

/** Whom a message goes to, and by which channel. */
export interface Recipient {
  readonly channel: Channel
  readonly address: string
}

const e164 = /^\+[1-9]\d{6,14}$/

const isMobile = (to: string) => e164.test(to) && parsePhoneNumberFromString(to)?.isValid() === true

const mailbox = (to: string) => {
  const address = mailAddress(to)
  return address?.endsWith(".invalid") ? undefined : address
}

/** The address that a text is on each channel; undefined when it is none. */
const addresses: Readonly<Record<Channel, (to: string) => string | undefined>> = {
  email: mailbox,
  sms: (to) => isMobile(to) ? to : undefined
}

/** `undefined` when nobody can be reached at `to`. */
export const parse = (to: string): Recipient | undefined =>
  Channel.literals.flatMap((channel) => {
    const address = addresses[channel](to)
    return address === undefined ? [] : [{ channel, address }]
  })[0]
