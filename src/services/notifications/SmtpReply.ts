/**
 * What a mail server's refusal means: its reply code, its enhanced status (RFC 3463) and, where servers say it in words
 * alone, the words.
 */
import type { NodemailerError } from "nodemailer"
import { DeliveryError, Rejected, Unreachable } from "./DeliveryError.ts"

const textOf = (error: NodemailerError): string => error.response ?? error.message

/** RFC 3463: class, subject and detail, where a reply begins with them. An IP address is no status. */
const enhanced = /^(?:\d{3}[ -])?[#(]?([245]\.\d{1,3}\.\d{1,3})(?![.\d])/m

/** The enhanced status of a reply, such as `5.1.1`. */
export const statusOf = (error: NodemailerError): string | undefined => enhanced.exec(textOf(error))?.[1]

/** The words alone: who is called quota@example.com is over no quota. */
const wordsOf = (error: NodemailerError): string =>
  textOf(error).split(/[\s<>]/).filter((word) => !word.includes("@") && !/^https?:/.test(word)).join(" ")

/** The address itself is wrong (x.1.x), whatever else is said. */
const isOfAddress = (status: string | undefined): boolean => status?.startsWith("5.1.") === true

/** A mailbox that is full (x.2.2) and trouble on the way (x.4.x) pass. */
const passingStatus = /^5\.(2\.2|4\.\d{1,3})$/

/** What says that it passes does so, unless its status says that the address is wrong. */
const passingWords = /quota|\btry (it )?again\b|\brate limit|\btoo many\b|\btemporar/i

const passes = (error: NodemailerError): boolean => {
  const status = statusOf(error)
  return passingStatus.test(status ?? "") || (!isOfAddress(status) && passingWords.test(wordsOf(error)))
}

/** RFC 3463, X.3.4 and X.2.3: the message is larger than the system or the mailbox takes. */
const tooBigStatus = /^5\.(3\.4|2\.3)$/
const tooBigWords = /\b(too (big|large|long)|size (limit|exceed)|exceeds.{0,20}size)/i

const saysTooBig = (error: NodemailerError): boolean => {
  const status = statusOf(error)
  return tooBigStatus.test(status ?? "") || (!isOfAddress(status) && tooBigWords.test(wordsOf(error)))
}

const isRefusal = (code: number | undefined): code is number =>
  code !== undefined && code >= 500 && code < 600 && code !== 503

/** Whether the same message without its larger files may be taken. */
export const isTooBig = (error: NodemailerError): boolean =>
  isRefusal(error.responseCode) && saysTooBig(error)

/** The server was sent all of the message, and its answer did not come: it may have taken it. */
export const mayHaveBeenTaken = (error: NodemailerError, isWhole: boolean): boolean =>
  isWhole && error.responseCode === undefined

/**
 * A refused login is ours to mend, not final. 552 without an enhanced status is a full mailbox (RFC 5321, 4.2.3) unless
 * it says that the message is too big.
 */
export const toDeliveryError = (error: NodemailerError, inDoubt = false): DeliveryError => {
  const code = error.responseCode
  const status = statusOf(error)
  const isFull = code === 552 && status === undefined && !saysTooBig(error)
  const isFinal = isRefusal(code) && error.code !== "EAUTH" && !isFull && !passes(error)
  return new DeliveryError({
    reason: isFinal ? new Rejected({ code, ...(status === undefined ? {} : { status }) }) : new Unreachable({
      ...(code === undefined ? {} : { code }),
      ...(status === undefined ? {} : { status }),
      ...(inDoubt ? { inDoubt } : {}),
      ...(error.code === undefined ? {} : { cause: error.code })
    })
  })
}
