/** One page as data: what to draw and where, in points from the top left; written by `PdfWriter`. */
import { letters, parts, plain } from "../text/Letters.ts"
import { directionOf } from "../text/TextRuns.ts"
import type { Fonts } from "./Fonts.ts"
import type { DecodedLogo } from "./Logo.ts"
import {
  type Block,
  type Box,
  type Colour,
  type ParagraphStyle,
  type Runs,
  type Shape,
  type TextStyle
} from "./Shapes.ts"

/** A page being drawn: shapes in painting order. */
export class Canvas {
  readonly width: number
  height: number
  readonly fonts: Fonts["Service"]
  readonly shapes: Array<Shape> = []
  /** In the order in which they are read; what is drawn besides is decoration. */
  readonly blocks: Array<Block> = []

  constructor(fonts: Fonts["Service"], width: number, height: number) {
    this.fonts = fonts
    this.width = width
    this.height = height
  }

  rect(box: Box, fill: Colour, top = 0, bottom = top): void {
    this.shapes.push({ kind: "rect", box, corners: { top, bottom }, fill })
  }

  frame(box: Box, stroke: Colour, width: number, radius = 0): void {
    this.shapes.push({ kind: "frame", box, corners: { top: radius, bottom: radius }, stroke, width })
  }

  line(
    from: readonly [number, number],
    to: readonly [number, number],
    stroke: Colour,
    width: number,
    dash = 0
  ): void {
    this.shapes.push({ kind: "line", from, to, stroke, width, dash })
  }

  /** `alt` says in words what the cells show. */
  cells(x: number, y: number, unit: number, runs: Runs, alt?: string): void {
    const block = this.blocks.push({ role: "Figure", alt }) - 1
    this.shapes.push({ kind: "cells", x, y, unit, runs, block })
  }

  logo(box: Box, logo: DecodedLogo | undefined, align: "left" | "center" | "right"): void {
    if (logo !== undefined) this.shapes.push({ kind: "logo", box, logo, align })
  }

  /** One line at its baseline, a block of its own. */
  text(x: number, y: number, text: string, style: TextStyle): void {
    this.lineOf(x, y, text, style, this.blockOf(text, style))
  }

  private blockOf(text: string, { grouped, role = "P" }: TextStyle): number {
    const says = grouped === true ? text.replaceAll(" ", "") : plain.test(text) ? undefined : text
    return this.blocks.push({ role, says }) - 1
  }

  private lineOf(x: number, y: number, text: string, style: TextStyle, block: number): void {
    const face = style.bold === true ? this.fonts.bold : this.fonts.regular
    const spacing = spacingOf(text, style)
    const spare = (style.width ?? 0) - this.measure(text, style)
    const shift = style.align === "center" ? spare / 2 : style.align === "right" ? spare : 0
    this.shapes.push({
      kind: "text",
      x: x + shift,
      y,
      text,
      face,
      size: style.size,
      fill: style.fill,
      spacing,
      block,
      direction: style.direction,
      says: style.grouped === true ? text.replaceAll(" ", "") : undefined
    })
  }

  /** Wrapped lines from a first baseline; returns the last baseline. */
  paragraph(x: number, y: number, text: string, style: ParagraphStyle): number {
    const lines = this.wrap(text, style)
    const direction = style.direction ??
      (lines.length < 2 || plain.test(text) ? undefined : directionOf(text))
    if (lines.length === 0) return y
    const block = this.blockOf(text, style)
    const lineStyle = { ...style, direction }
    lines.forEach((line, index) => this.lineOf(x, y + index * style.leading, line, lineStyle, block))
    return y + Math.max(0, lines.length - 1) * style.leading
  }

  /** Width of one line in points. */
  measure(text: string, style: TextStyle): number {
    const face = style.bold === true ? this.fonts.bold : this.fonts.regular
    const spacing = spacingOf(text, style)
    const gaps = spacing === 0 ? 0 : Math.max(0, letters(text).length - 1)
    return face.width(text, style.size) + spacing * gaps
  }

  /**
   * The largest size, down to `smallest`, at which the text keeps to its lines and its words stay whole; as many
   * lines as it takes, up to twice as many, when no size does.
   */
  fit(text: string, style: ParagraphStyle, smallest: number): ParagraphStyle {
    let fitted = style
    while (fitted.size > smallest && !this.fits(text, fitted)) {
      const size = Math.max(smallest, fitted.size - 0.5)
      fitted = { ...fitted, size, leading: (style.leading / style.size) * size }
    }
    const lines = this.split(text, fitted).length
    return { ...fitted, lines: Math.max(style.lines, Math.min(lines, style.lines * 2)) }
  }

  /** The lines of a text, at most `lines` of them; centred lines are about as long as each other. */
  wrap(text: string, style: ParagraphStyle): ReadonlyArray<string> {
    const all = this.split(text, style)
    if (all.length <= style.lines) return style.align === "center" ? this.balance(text, style, all) : all
    const kept = all.slice(0, style.lines)
    const last = [...letters(kept[style.lines - 1]!)]
    while (last.length > 0 && this.measure(`${last.join("")}…`, style) > style.width) last.pop()
    return [...kept.slice(0, -1), `${last.join("").trimEnd()}…`]
  }

  /** The characters on this page that the fonts cannot write, each once. */
  missing(): ReadonlyArray<string> {
    const found = this.shapes.flatMap((shape) => shape.kind === "text" ? shape.face.missing(shape.text) : [])
    return [...new Set(found)]
  }

  /** How many lines a text takes, however many it may have. */
  lines(text: string, style: ParagraphStyle): number {
    return this.split(text, style).length
  }

  private fits(text: string, style: ParagraphStyle): boolean {
    const isNarrow = (part: string) => this.measure(part, style) <= style.width
    return words(text).every((word) => isNarrow(word) || parts(word).every(isNarrow)) &&
      this.split(text, style).length <= style.lines
  }

  private balance(text: string, style: ParagraphStyle, lines: ReadonlyArray<string>): ReadonlyArray<string> {
    if (lines.length === 1) return lines
    const narrow = { ...style, width: style.width * 0.95 }
    const narrower = this.split(text, narrow)
    return narrower.length > lines.length || !this.fits(text, narrow)
      ? lines
      : this.balance(text, narrow, narrower)
  }

  /**
   * A line break in the text stays one. A script without spaces breaks between its words; a word wider than a line is
   * broken after a hyphen or a slash, or between letters.
   */
  private split(text: string, style: ParagraphStyle): ReadonlyArray<string> {
    const space = this.measure(" ", style) + 2 * (style.spacing ?? 0)
    const isPlain = plain.test(text)
    return text.trim().split(/[\r\n]+/).flatMap((row) => {
      const lines: Array<string> = []
      let [line, used] = ["", 0]
      const end = () => {
        if (line !== "") lines.push(line)
        line = ""
        used = 0
      }
      const put = (word: string, gap: string) => {
        const width = this.measure(word, style)
        const before = gap === "" ? 0 : space
        if (line !== "" && used + before + width > style.width) end()
        if (width <= style.width) {
          used += line === "" ? width : before + width
          line += line === "" ? word : gap + word
          return
        }
        for (const part of word.split(/(?<=[-/])/)) {
          if (line !== "" && this.measure(line + part, style) > style.width) end()
          for (const letter of letters(part)) {
            if (line !== "" && this.measure(line + letter, style) > style.width) end()
            line += letter
          }
        }
        used = this.measure(line, style)
      }
      for (const word of words(row)) {
        if (isPlain) put(word, " ")
        else parts(word).forEach((part, at) => put(part, at === 0 ? " " : ""))
      }
      end()
      return lines
    })
  }
}

/** Joined letters are not set apart. */
const spacingOf = (text: string, { spacing = 0 }: TextStyle): number =>
  spacing === 0 || plain.test(text) ? spacing : 0

/** A dash, a colon or a closing mark that stands alone: a line ends with it and never begins with it. */
const trailing = /^[–—\-·:;!?»…/&+|]+$/

/** What stays on one line, as long as that is wide enough. */
const words = (text: string): ReadonlyArray<string> => {
  const found: Array<string> = []
  for (const word of text.split(/[ \t\r\n]+/)) {
    if (word === "") continue
    const last = found.at(-1)
    if (last !== undefined && trailing.test(word)) found[found.length - 1] = `${last} ${word}`
    else found.push(word)
  }
  return found
}
