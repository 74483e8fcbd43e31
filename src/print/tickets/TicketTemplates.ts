/** The designs of a ticket. A design is a function that draws a prepared ticket on an empty page. */
import * as Schema from "effect/Schema"
import { type Canvas } from "../pdf/Canvas.ts"
import { type Colour, mm } from "../pdf/Shapes.ts"
import { drawClassic } from "./TicketClassic.ts"
import { drawMinimal } from "./TicketMinimal.ts"
import { drawModern } from "./TicketModern.ts"
import { drawRoll } from "./TicketRoll.ts"
import type { TicketView } from "./TicketView.ts"

/** `design` of the flows document's template. */
export const TicketDesign = Schema.Literals(["modern", "classic", "minimal"])
export type TicketDesign = typeof TicketDesign.Type

/**
 * The paper: a page for home printers, or the roll of a thermal printer, 80 or 58 mm wide, on which all designs are one.
 */
export const TicketFormat = Schema.Literals(["a4", "letter", "roll80", "roll58"])
export type TicketFormat = typeof TicketFormat.Type

/** Width and height in points; a roll is as long as what is on it. */
export const paperOf: Readonly<Record<TicketFormat, readonly [width: number, height: number]>> = {
  a4: [210 * mm, 297 * mm],
  letter: [8.5 * 72, 11 * 72],
  roll80: [80 * mm, 0],
  roll58: [58 * mm, 0]
}

/** How a design looks on a page; `accent` is its colour when a template names none. */
interface Design {
  readonly draw: (canvas: Canvas, view: TicketView) => void
  readonly accent: Colour
}

const designs: Readonly<Record<TicketDesign, Design>> = {
  modern: { draw: drawModern, accent: "#3b2ad9" },
  classic: { draw: drawClassic, accent: "#7a1f2b" },
  minimal: { draw: drawMinimal, accent: "#111418" }
}

/** The colour of a design when its template names none. */
export const accentOf = (design: TicketDesign): Colour => designs[design].accent

/** How a design is drawn on a format. */
export const templateOf = (design: TicketDesign, format: TicketFormat): Design["draw"] =>
  ({ a4: designs[design].draw, letter: designs[design].draw, roll80: drawRoll, roll58: drawRoll })[format]
