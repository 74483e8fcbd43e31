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
  readonly organizer: string
  readonly terms: string
  readonly localTime: string
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
    organizer: "Organisé par",
    terms: "Conditions",
    localTime: "heure locale",
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
    organizer: "Organised by",
    terms: "Terms",
    localTime: "local time",
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

/** `CEST` or `EDT` where the language has such a name; "local time" where it would be a number of hours. */
const hourOf = ({ hour }: Formats, startsAt: Date, locale: string): string => {
  const parts = hour.formatToParts(startsAt)
  const zone = parts.findIndex(({ type }) => type === "timeZoneName")
  if (!/[+\-−\d]/.test(parts[zone]?.value ?? "")) return hour.format(startsAt)
  const time = parts.slice(0, zone).map(({ value }) => value).join("").trim()
  return `${time}, ${wordsOf(languageOf(locale)).localTime}`
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
