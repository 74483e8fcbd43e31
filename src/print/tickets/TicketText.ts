/** The words of a ticket in the guest's language, and its dates in the event's own time zone. */

/** Languages that tickets are printed in. */
export type TicketLanguage = "fr" | "en"

/** The fixed words of a ticket. */
export interface TicketWords {
  readonly ticket: string
  readonly tickets: string
  readonly guest: string
  readonly date: string
  readonly place: string
  readonly type: string
  readonly seat: string
  readonly code: string
  readonly order: string
  readonly organizer: string
  readonly terms: string
  readonly localTime: string
  readonly doorsOpen: string
  readonly doorsClose: string
  readonly beforeYouCome: string
  readonly advice: ReadonlyArray<string>
}

const words: Readonly<Record<TicketLanguage, TicketWords>> = {
  fr: {
    ticket: "Billet",
    tickets: "Billets",
    guest: "Invité",
    date: "Date",
    place: "Lieu",
    type: "Catégorie",
    seat: "Place",
    code: "Code du billet",
    order: "Commande",
    organizer: "Organisé par",
    terms: "Conditions",
    localTime: "heure locale",
    doorsOpen: "portes à",
    doorsClose: "dernière entrée à",
    beforeYouCome: "Avant de venir",
    advice: [
      "Présentez ce code à l’entrée, imprimé sur papier ou affiché sur un écran.",
      "Gardez-le pour vous : le premier qui le présente entre.",
      "Si le lecteur ne lit pas le code, donnez les lettres et les chiffres écrits dessous."
    ]
  },
  en: {
    ticket: "Ticket",
    tickets: "Tickets",
    guest: "Guest",
    date: "Date",
    place: "Place",
    type: "Category",
    seat: "Seat",
    code: "Ticket code",
    order: "Order",
    organizer: "Organised by",
    terms: "Terms",
    localTime: "local time",
    doorsOpen: "doors",
    doorsClose: "last entry",
    beforeYouCome: "Before you come",
    advice: [
      "Show this code at the entrance, printed on paper or on a screen.",
      "Keep it to yourself: whoever shows it first gets in.",
      "If the reader cannot read it, give the letters and digits written below it."
    ]
  }
}

/** French for every locale that starts with `fr`, English for the others. */
export const languageOf = (locale: string): TicketLanguage => /^fr\b/i.test(locale) ? "fr" : "en"

/** The words of a language. */
export const wordsOf = (language: TicketLanguage): TicketWords => words[language]

const regional = (locale: string): string =>
  languageOf(locale) === "fr"
    ? (/^fr-/i.test(locale) ? locale : "fr-FR")
    : (/^en-/i.test(locale) ? locale : "en-GB")

interface Formats {
  readonly day: Intl.DateTimeFormat
  readonly hour: Intl.DateTimeFormat
}

const formats = new Map<string, Formats>()

const formatsOf = (locale: string, timeZone: string): Formats => {
  const key = `${regional(locale)} ${timeZone}`
  const known = formats.get(key)
  if (known !== undefined) return known
  const made = {
    day: new Intl.DateTimeFormat(regional(locale), {
      timeZone,
      weekday: "long",
      day: "numeric",
      month: "long",
      year: "numeric"
    }),
    hour: new Intl.DateTimeFormat(regional(locale), {
      timeZone,
      hour: "numeric",
      minute: "2-digit",
      timeZoneName: "short"
    })
  }
  formats.set(key, made)
  return made
}

/** `21 h 30` in French, `21:30` or `9:30 pm` in English. */
const clock = ({ hour }: Formats, at: Date, locale: string): string => {
  const parts = hour.formatToParts(at)
  const zone = parts.findIndex(({ type }) => type === "timeZoneName")
  const kept = parts.slice(0, zone)
  if (languageOf(locale) !== "fr") return kept.map(({ value }) => value).join("").trim()
  const part = (wanted: string) => kept.find(({ type }) => type === wanted)?.value ?? ""
  const [hours, minutes] = [String(Number(part("hour"))), part("minute")]
  return minutes === "00" ? `${hours} h` : `${hours} h ${minutes}`
}

/**
 * With `EDT` or `HAE` where the language has such a name. Where it would be a number of hours English says "local time";
 * a French hour is read as that anyway.
 */
const hourOf = (formats: Formats, startsAt: Date, locale: string): string => {
  const time = clock(formats, startsAt, locale)
  const zone = formats.hour.formatToParts(startsAt).find(({ type }) => type === "timeZoneName")?.value ?? ""
  if (!/[+\-−\d]/.test(zone)) return `${time} ${zone}`.trim()
  const language = languageOf(locale)
  return language === "fr" ? time : `${time}, ${wordsOf(language).localTime}`
}

/**
 * The day and the hour where the event takes place; throws a `RangeError` on an unknown zone, locale or date.
 */
export const eventDate = (
  startsAt: Date,
  timeZone: string,
  locale: string
): { readonly day: string; readonly hour: string } => {
  const known = formatsOf(locale, timeZone)
  const day = known.day.format(startsAt)
  return {
    day: day.charAt(0).toLocaleUpperCase(locale) + day.slice(1),
    hour: hourOf(known, startsAt, locale)
  }
}

/** `portes à 20 h`, with the last entry where both are known; throws as `eventDate` does. */
export const doorHours = (
  { close, open }: { readonly open?: Date | undefined; readonly close?: Date | undefined },
  timeZone: string,
  locale: string
): string | undefined => {
  const known = formatsOf(locale, timeZone)
  const { doorsClose, doorsOpen } = wordsOf(languageOf(locale))
  const said = [
    ...(open === undefined ? [] : [`${doorsOpen} ${clock(known, open, locale)}`]),
    ...(close === undefined ? [] : [`${doorsClose} ${clock(known, close, locale)}`])
  ]
  return said.length === 0 ? undefined : said.join(", ")
}

/** `TKT-001-CE8C HH6M 7TAJ TBRJ`: what is random is easier to read and to type in groups. */
export const groupedCode = (code: string): string => {
  const random = code.lastIndexOf("-") + 1
  return code.slice(0, random) + code.slice(random).replace(/(.{4})(?=.)/g, "$1 ")
}
