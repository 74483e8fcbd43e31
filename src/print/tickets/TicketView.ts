/** A ticket ready to draw. */
import type { Colour, Runs } from "../pdf/Shapes.ts"
import type { DecodedLogo } from "../pdf/Logo.ts"
import type { TicketWords } from "./TicketText.ts"

/** Every text in its language, every colour chosen. */
export interface TicketView {
  readonly words: TicketWords
  readonly title: string
  readonly day: string
  readonly hour: string
  /** When guests are let in, where that is known. */
  readonly doors: string | undefined
  readonly place: string
  readonly guest: string
  readonly type: string
  readonly seat: string | undefined
  /** In groups of four; a copy of it has no spaces (`CodeStyle`). */
  readonly code: string
  readonly order: string | undefined
  readonly organizer: string | undefined
  readonly terms: string | undefined
  readonly logo: DecodedLogo | undefined
  /** `accent` as it was chosen; `accentInk` the same, as dark as text on white has to be; `onAccent` text upon it. */
  readonly accent: Colour
  readonly accentInk: Colour
  readonly onAccent: Colour
  readonly qr: { readonly edge: number; readonly runs: Runs; readonly alt: string }
}
