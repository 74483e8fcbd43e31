/**
 * What was shown at the gate, whichever door it came through and whichever field it stands in: the printed code, the
 * text of the QR, or both. One reading for `/validate`, `/batch`, the internal route, the scan service and the device
 * that decides alone, so that all of them decide on the same.
 *
 * A code and a QR text that are as we print them are read at once. Everything else is read in this order, and the first
 * reading counts: without what readers add; as a person spells a code; as a reader typed it through a keyboard of
 * another layout, if that can mean only one ticket. What such a keyboard spoilt is `unreadable`, and nobody's forgery.
 */
import * as Result from "effect/Result"
import { TicketCode } from "../../../rpc/values/TicketCode.ts"
import { QrData, type QrRefusal } from "../../trust/QrData.ts"
import type { TrustedKeys } from "../../trust/SigningKeys.ts"
import { throughLayouts } from "./KeyboardLayouts.ts"
import { withoutReaderNoise } from "./ReaderNoise.ts"
import { codesByLayouts, spelledCode } from "./TypedCode.ts"

/** Why what was shown names no ticket: what is wrong with its QR, or with the reader, or with the two things shown. */
export type Unread = QrRefusal | "unreadable" | "codes_differ"

/**
 * The ticket that was named: by a code, by a verified QR, or by both. `forged` says why it is none, and then there is no
 * other. A text that nothing can be made of is kept as `ticketCode`: no ticket has it.
 */
export interface Reading {
  readonly ticketCode: string | null
  readonly qr: QrData | null
  readonly forged: Unread | null
}

/** What one field holds. */
type Field =
  | { readonly is: "nothing" }
  | { readonly is: "code"; readonly code: string }
  | { readonly is: "qr"; readonly qr: QrData }
  | { readonly is: "unread"; readonly why: Unread }
  | { readonly is: "text" }

/** The longest text of a ticket, with what readers add to it. */
const longest = 640

const nothing: Field = { is: "nothing" }

/** What QR text keeps through every layout, and what it has when it came through none. */
const qrLetters = /ventid/i
const qrName = /"eventid":/i

const byLayouts = (text: string, keys: TrustedKeys): Field | undefined => {
  const { codes, garbled } = codesByLayouts(text)
  const [code] = codes
  if (code !== undefined && codes.size === 1) return { is: "code", code }
  if (garbled) return { is: "unread", why: "unreadable" }
  const at = text.search(qrLetters)
  if (at < 0) return undefined
  const name = text.slice(Math.max(0, at - 4), at + 10)
  const fitting = throughLayouts.filter((read) => qrName.test(read(name)))
  for (const read of fitting) {
    const verified = QrData.verify(withoutReaderNoise(read(text)), keys)
    if (Result.isSuccess(verified)) return { is: "qr", qr: verified.success }
  }
  return fitting.length > 0 && !qrName.test(text) ? { is: "unread", why: "unreadable" } : undefined
}

/** A text that is not as we print it, without what readers add. */
const readOther = (text: string, keys: TrustedKeys): Field | QrRefusal => {
  const bare = withoutReaderNoise(text)
  if (TicketCode.is(bare)) return { is: "code", code: bare }
  const verified = QrData.verify(bare, keys)
  if (Result.isSuccess(verified)) return { is: "qr", qr: verified.success }
  if (verified.failure !== "malformed") return verified.failure
  const code = spelledCode(bare)
  return code === undefined ? byLayouts(bare, keys) ?? verified.failure : { is: "code", code }
}

/** No printed code begins so: what stands in the place of one is the text of a QR, sent as a camera read it. */
const isQrText = (text: string): boolean => text.trimStart().startsWith("{")

const readCode = (text: string | null | undefined, keys: TrustedKeys): Field => {
  if (text === null || text === undefined || text === "") return nothing
  if (TicketCode.is(text)) return { is: "code", code: text }
  const read = text.length > longest ? "oversized" : readOther(text, keys)
  if (typeof read !== "string") return read
  return isQrText(withoutReaderNoise(text)) ? { is: "unread", why: read } : { is: "text" }
}

/** A text is expected here: an empty one is none of ours. */
const readQr = (text: string | null | undefined, keys: TrustedKeys): Field => {
  if (text === null || text === undefined) return nothing
  const read = text.length > longest ? "oversized" : readOther(text, keys)
  return typeof read === "string" ? { is: "unread", why: read } : read
}

const empty: Reading = { ticketCode: null, qr: null, forged: null }

const alone = (field: Field, text: string | null): Reading => {
  switch (field.is) {
    case "code":
      return { ...empty, ticketCode: field.code }
    case "qr":
      return { ...empty, qr: field.qr }
    case "unread":
      return { ...empty, forged: field.why }
    case "text":
    case "nothing":
      return { ...empty, ticketCode: text }
  }
}

const codeIn = (field: Field): string | undefined =>
  field.is === "code" ? field.code : field.is === "qr" ? field.qr.code : undefined

/** Two fields that were both filled: they name one ticket, or it is said that they do not. */
const together = (one: Field, other: Field, text: string | null): Reading => {
  const unread = one.is === "unread" ? one : other.is === "unread" ? other : undefined
  if (unread !== undefined) return { ...empty, forged: unread.why }
  const [code, otherCode] = [codeIn(one), codeIn(other)]
  if (code !== undefined && otherCode !== undefined && code !== otherCode) {
    return { ...empty, forged: "codes_differ" }
  }
  const qr = one.is === "qr" ? one.qr : other.is === "qr" ? other.qr : null
  const typed = one.is === "code" ? one.code : other.is === "code" ? other.code : null
  return { ticketCode: one.is === "text" ? text : typed, qr, forged: null }
}

/** Reads what a body holds. Pure; it never throws, and its time is bounded by the length of what is read. */
export const readShown = (
  ticketCode: string | null | undefined,
  qrData: string | null | undefined,
  keys: TrustedKeys
): Reading => {
  const noQr = qrData === null || qrData === undefined
  if (noQr && typeof ticketCode === "string" && TicketCode.is(ticketCode)) return { ...empty, ticketCode }
  const [code, qr] = [readCode(ticketCode, keys), readQr(qrData, keys)]
  const text = ticketCode ?? null
  if (qr.is === "nothing") return alone(code, text)
  return code.is === "nothing" ? alone(qr, text) : together(code, qr, text)
}
