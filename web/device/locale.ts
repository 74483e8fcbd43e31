/** French or English: the first of the two that the browser names, French otherwise, as the server does. */
export type Locale = "fr" | "en"

/** The reader's language. */
export const locale: Locale = navigator.languages
  .map((tag) => tag.slice(0, 2).toLowerCase())
  .find((tag): tag is Locale => tag === "fr" || tag === "en") ?? "fr"

document.documentElement.lang = locale

/** A date and a time as people of this language write them. */
export const moment = (at: Date, timeZone?: string): string =>
  new Intl.DateTimeFormat(locale === "fr" ? "fr-FR" : "en-GB", {
    timeStyle: "short",
    ...(timeZone === undefined ? {} : { timeZone })
  }).format(at)

/** A whole number with the separators of this language. */
export const number = (value: number): string => new Intl.NumberFormat(locale).format(value)
