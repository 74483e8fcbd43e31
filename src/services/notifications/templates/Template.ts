/**
 * What a template says, in plain words: the layout alone turns it into HTML, so nothing here needs
 * escaping.
 */
import type { Locale, View } from "./View.ts"

/** A labelled value; left out when the value is unknown. */
export type Fact = readonly [label: string, value: string | undefined]

/** One message in one language. */
export interface Content {
  readonly subject: string
  readonly kicker: string
  readonly title: string
  readonly paragraphs: ReadonlyArray<string | undefined>
  readonly facts?: ReadonlyArray<Fact>
  readonly stub?: { readonly label: string; readonly code: string | undefined; readonly qr: boolean }
  readonly action?: { readonly label: string; readonly url: string | undefined }
  readonly note?: string | undefined
  readonly sms: string
}

/** `calendar`: the e-mail carries the event as `.ics`, or takes it out of the reader's calendar. `reminder`: the reader may unsubscribe. */
export interface Template {
  readonly calendar?: true | "canceled"
  readonly reminder?: true
  readonly content: Readonly<Record<Locale, (view: View) => Content>>
}

/** The words around a value, or nothing when the value is unknown. */
export const around = <A>(value: A | undefined, words: (value: A) => string): string =>
  value === undefined ? "" : words(value)

/** The date and the place of an event. */
export const whereAndWhen: Readonly<Record<Locale, (view: View) => ReadonlyArray<Fact>>> = {
  fr: (v) => [["Événement", v.event], ["Date", v.when], ["Lieu", v.where]],
  en: (v) => [["Event", v.event], ["Date", v.when], ["Place", v.where]]
}
