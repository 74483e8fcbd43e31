/** What a template sees: variables already put into words for one language and the event's own time zone. */
import { DateTime, Option } from "effect"
import { formatMajor } from "../../../../rpc/values/Money.ts"
import type { Variables } from "./Variables.ts"

/** The languages every template is written in. */
export type Locale = "fr" | "en"

/** Which files the message carries. */
export interface Attached {
  readonly qr: boolean
  readonly pdf: boolean
}

/** Absent values are `undefined`; a template then writes a sentence that does without them. */
export interface View {
  readonly attached: Attached
  readonly firstName: string | undefined
  readonly event: string | undefined
  readonly eventShort: string | undefined
  readonly when: string | undefined
  readonly whenShort: string | undefined
  readonly where: string | undefined
  readonly organizer: string | undefined
  readonly code: string | undefined
  readonly ticketUrl: string | undefined
  readonly amount: string | undefined
  readonly invoice: string | undefined
  readonly invoiceUrl: string | undefined
  readonly hoursLeft: number | undefined
}

/** French unless the variables say otherwise; a language without a translation reads English. */
export const localeOf = (variables: Variables): Locale =>
  variables.locale === undefined || /^fr\b/i.test(variables.locale.replace("_", "-")) ? "fr" : "en"

const formats: Record<Locale, string> = { fr: "fr-FR", en: "en-GB" }
const months: Record<Locale, "2-digit" | "short"> = { fr: "2-digit", en: "short" }
/** So many formats of dates are kept. */
const mostFormats = 500

const iso = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(Z|[+-]\d{2}:\d{2})?$/

const utc = DateTime.zoneMakeNamedUnsafe("UTC")

/** A zone that nobody knows is UTC, and is said to be. */
const zoneOf = (timezone: string | undefined): DateTime.TimeZone =>
  timezone === undefined ? utc : Option.getOrElse(DateTime.zoneMakeNamed(timezone), () => utc)

/** The moment an ISO date stands for, in the event's zone; without an offset it is local time there. */
export const momentOf = (
  date: string | undefined,
  timezone: string | undefined
): DateTime.Zoned | undefined => {
  const match = date === undefined ? null : iso.exec(date)
  if (date === undefined || match === null) return undefined
  const zone = zoneOf(timezone)
  const local = match[1] === undefined
  return Option.getOrUndefined(
    DateTime.makeZoned(local ? `${date}Z` : date, { timeZone: zone, adjustForTimeZone: local })
  )
}

/** The first words of a format cost half a millisecond, all others next to nothing; a zone is a caller's to choose. */
const dateFormats = new Map<string, Intl.DateTimeFormat>()

const dateFormat = (locale: Locale, timeZone: string, options: Intl.DateTimeFormatOptions) => {
  const key = `${locale} ${timeZone} ${JSON.stringify(options)}`
  const known = dateFormats.get(key)
  if (known !== undefined) return known
  if (dateFormats.size >= mostFormats) dateFormats.clear()
  const made = new Intl.DateTimeFormat(formats[locale], { ...options, timeZone })
  dateFormats.set(key, made)
  return made
}

const dateText = (v: Variables, locale: Locale, options: Intl.DateTimeFormatOptions): string | undefined => {
  const moment = momentOf(v.event_date, v.event_timezone)
  if (moment === undefined) return v.event_date
  const text = DateTime.formatIntl(moment, dateFormat(locale, DateTime.zoneToString(moment.zone), options))
  return moment.zone === utc ? `${text} UTC` : text
}

const amountText = (v: Variables, locale: Locale): string | undefined => {
  if (v.amount_text !== undefined) return v.amount_text
  if (v.amount === undefined || v.currency === undefined) return undefined
  return formatMajor(v.amount, v.currency.toUpperCase(), formats[locale])
}

const shorten = (text: string | undefined) =>
  text === undefined || text.length <= 40 ? text : `${text.slice(0, 37).trimEnd()}...`

/** What mail programs make a link of: a greeting is no place for somebody's link. */
const link = /:\/\/|\bwww\.|@|\b(mailto|tel|sms):|[\p{L}\p{N}][.\u3002]\p{L}{2,}|\b\d{1,3}(\.\d{1,3}){3}\b/iu

/** In any spelling that is shown, or looked up, as the same. */
const nameOf = (name: string | undefined) =>
  name === undefined || link.test(name.normalize("NFKC").replace(/\p{Cf}/gu, "")) ? undefined : name

/** Puts the variables of one message into words. */
export const make = (v: Variables, locale: Locale, attached: Attached): View => ({
  attached,
  firstName: nameOf(v.first_name),
  event: v.event_name,
  eventShort: shorten(v.event_name),
  when: dateText(v, locale, { dateStyle: "full", timeStyle: "short" }),
  whenShort: dateText(v, locale, {
    day: "2-digit",
    month: months[locale],
    hour: "2-digit",
    minute: "2-digit"
  }),
  where: v.include_location === false ? undefined : v.event_location,
  organizer: v.organizer_name,
  code: v.ticket_code,
  ticketUrl: v.ticket_url,
  amount: amountText(v, locale),
  invoice: v.invoice_number,
  invoiceUrl: v.invoice_url,
  hoursLeft: v.reminder_hours
})
