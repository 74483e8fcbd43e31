/** The designs of a ticket. A design is a function that draws a prepared ticket on an empty page. */
import * as Schema from "effect/Schema"
import type { Canvas, Colour, Runs } from "../pdf/Canvas.ts"
import { drawClassic } from "./TicketClassic.ts"
import { drawMinimal } from "./TicketMinimal.ts"
import { drawModern } from "./TicketModern.ts"
import { drawRoll } from "./TicketRoll.ts"
import type { TicketWords } from "./TicketText.ts"

/** `design` of the flows document's template. */
export const TicketDesign = Schema.Literals(["modern", "classic", "minimal"])
export type TicketDesign = typeof TicketDesign.Type

/**
 * The paper: a page for home printers, or the 80 mm roll of a thermal printer, on which all designs are one.
 */
export const TicketFormat = Schema.Literals(["a4", "roll80"])
export type TicketFormat = typeof TicketFormat.Type

/** A ticket ready to draw: every text in its language, every colour chosen. */
export interface TicketView {
  readonly words: TicketWords
  readonly title: string
  readonly day: string
  readonly hour: string
  readonly place: string
  readonly guest: string
  readonly type: string
  readonly seat: string | undefined
  readonly code: string
  readonly organizer: string | undefined
  readonly terms: string | undefined
  readonly logo: Uint8Array | undefined
  /** `accent` as it was chosen; `accentInk` the same, as dark as text on white has to be; `onAccent` text upon it. */
  readonly accent: Colour
  readonly accentInk: Colour
  readonly onAccent: Colour
  readonly qr: { readonly edge: number; readonly runs: Runs }
}

const designs: Readonly<Record<TicketDesign, (canvas: Canvas, view: TicketView) => void>> = {
  modern: drawModern,
  classic: drawClassic,
  minimal: drawMinimal
}

const accents: Readonly<Record<TicketDesign, Colour>> = {
  modern: "#3b2ad9",
  classic: "#7a1f2b",
  minimal: "#111418"
}

/** The colour of a design when its template names none. */
export const accentOf = (design: TicketDesign): Colour => accents[design]

/** How a design is drawn on a format. */
export const templateOf = (
  design: TicketDesign,
  format: TicketFormat
): (canvas: Canvas, view: TicketView) => void => format === "roll80" ? drawRoll : designs[design]
