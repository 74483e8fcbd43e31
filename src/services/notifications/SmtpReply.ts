/**
 * What a mail server's refusal means: its reply code, its enhanced status (RFC 3463) and, where servers say it in words
 * alone, the words.
 */
import type { NodemailerError } from "nodemailer"
import { DeliveryError, Rejected, Unreachable } from "./DeliveryError.ts"

const textOf = (error: NodemailerError): string => error.response ?? error.message

/** A mailbox that is full (x.2.2) and trouble on the way (x.4.x) pass, and so does what says that it does. */
const passing =
  /\b5\.2\.2\b|\b5\.4\.\d{1,3}\b|quota|\btry (it )?again\b|\brate limit|\btoo many\b|\btemporar/i

/** RFC 3463, X.3.4 and X.2.3: the message is larger than the system or the mailbox takes. */
const tooBig = /\b5\.3\.4\b|\b5\.2\.3\b|\b(too (big|large|long)|size (limit|exceed)|exceeds.{0,20}size)/i

const isRefusal = (code: number | undefined): code is number =>
  code !== undefined && code >= 500 && code < 600 && code !== 503

/** Whether the same message without its larger files may be taken. */
export const isTooBig = (error: NodemailerError): boolean =>
  isRefusal(error.responseCode) && tooBig.test(textOf(error))

/** The server was sent all of the message, and its answer did not come: it may have taken it. */
export const mayHaveBeenTaken = (error: NodemailerError, isWhole: boolean): boolean =>
  isWhole && error.responseCode === undefined

/**
 * A refused login is ours to mend, not final. 552 without an enhanced status is a full mailbox (RFC 5321, 4.2.3) unless
 * it says that the message is too big.
 */
export const toDeliveryError = (error: NodemailerError): DeliveryError => {
  const code = error.responseCode
  const text = textOf(error)
  const isFull = code === 552 && !tooBig.test(text)
  const isFinal = isRefusal(code) && error.code !== "EAUTH" && !isFull && !passing.test(text)
  return new DeliveryError({
    reason: isFinal ? new Rejected({ code }) : new Unreachable({
      ...(code === undefined ? {} : { code }),
      ...(error.code === undefined ? {} : { cause: error.code })
    })
  })
}
