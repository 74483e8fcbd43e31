/** What a page is made of: shapes, boxes, styles of text, in points from the top left. */
import { type Direction } from "../text/TextRuns.ts"
import type { Face } from "./Fonts.ts"
import type { DecodedLogo } from "./Logo.ts"

/** A colour as `#rrggbb`. */
export type Colour = string

/** One thing on a page. `y` of a text is its baseline. */
export type Shape =
  | { readonly kind: "rect"; readonly box: Box; readonly corners: Corners; readonly fill: Colour }
  | {
    readonly kind: "frame"
    readonly box: Box
    readonly corners: Corners
    readonly stroke: Colour
    readonly width: number
  }
  | {
    readonly kind: "line"
    readonly from: readonly [x: number, y: number]
    readonly to: readonly [x: number, y: number]
    readonly stroke: Colour
    readonly width: number
    readonly dash: number
  }
  | {
    readonly kind: "text"
    readonly x: number
    readonly y: number
    readonly text: string
    readonly face: Face
    readonly size: number
    readonly fill: Colour
    readonly spacing: number
    /** Which way the line reads; without one, its first letter that has a direction decides. */
    readonly direction?: Direction | undefined
    /** What a reader copies, when that is not the text. */
    readonly says?: string | undefined
    /** Which of the page's blocks it is a line of. */
    readonly block: number
  }
  | {
    readonly kind: "cells"
    readonly x: number
    readonly y: number
    readonly unit: number
    readonly runs: Runs
    readonly block: number
  }
  | {
    readonly kind: "logo"
    readonly box: Box
    readonly logo: DecodedLogo
    readonly align: "left" | "center" | "right"
  }

/** What a screen reader finds on a page: a heading, a paragraph, or a figure with what it shows in words. */
export interface Block {
  readonly role: "H1" | "P" | "Figure"
  readonly alt?: string | undefined
  /** What the block says, where its glyphs do not say it one by one. */
  readonly says?: string | undefined
}

/** How round the corners of a rectangle are, in points. */
export interface Corners {
  readonly top: number
  readonly bottom: number
}

/** Rows of squares `x y length`, in units; drawn black, as one path. */
export type Runs = ReadonlyArray<readonly [x: number, y: number, length: number]>

/** A rectangle from its top left corner. */
export interface Box {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

/** How a text looks; `width` is the room it has, for alignment and wrapping. */
export interface TextStyle {
  readonly size: number
  readonly fill: Colour
  readonly bold?: boolean
  readonly align?: "left" | "center" | "right"
  readonly width?: number
  readonly spacing?: number
  readonly direction?: Direction | undefined
  /** A code in groups: its spaces are for the eye alone. */
  readonly grouped?: boolean
  /** A paragraph unless it is the heading of its page. */
  readonly role?: "H1" | "P"
}

/**
 * A text of several lines: `leading` is the distance of baselines, the last of `lines` ends with an ellipsis.
 */
export interface ParagraphStyle extends TextStyle {
  readonly width: number
  readonly leading: number
  readonly lines: number
}

/** Points in a millimetre. */
export const mm = 72 / 25.4
