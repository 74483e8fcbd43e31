/** The designs of a ticket. A design is a function that draws a prepared ticket on an empty page. */
import * as Schema from "effect/Schema"
import type { Canvas, Colour } from "../pdf/Canvas.ts"
import { drawClassic } from "./TicketClassic.ts"
import { drawMinimal } from "./TicketMinimal.ts"
import { drawModern } from "./TicketModern.ts"
import { drawRoll } from "./TicketRoll.ts"
import type { TicketView } from "./TicketView.ts"

/** `design` of the flows document's template. */
export const TicketDesign = Schema.Literals(["modern", "classic", "minimal"])
export type TicketDesign = typeof TicketDesign.Type

/**
 * The paper: a page for home printers, or the 80 mm roll of a thermal printer, on which all designs are one.
 */
export const TicketFormat = Schema.Literals(["a4", "roll80"])
export type TicketFormat = typeof TicketFormat.Type

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
