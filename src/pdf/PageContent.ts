/** The shapes of a page as the operators of a PDF content stream (ISO 32000-1 §8.2). */
import type { Box, Canvas, Colour, Corners, Shape } from "./Canvas.ts"
import type { EmbeddedFont } from "./EmbeddedFont.ts"

/** What a content stream refers to by name: the fonts by weight, the logos by their bytes. */
export interface PageResources {
  readonly fonts: { readonly regular: EmbeddedFont; readonly bold: EmbeddedFont }
  readonly logos: ReadonlyMap<
    Uint8Array,
    { readonly name: string; readonly width: number; readonly height: number }
  >
}

const round = (value: number): string => String(Math.round(value * 1000) / 1000)
const join = (...values: ReadonlyArray<number>): string => values.map(round).join(" ")

const colour = (fill: Colour): string =>
  [1, 3, 5].map((at) => round(Number.parseInt(fill.slice(at, at + 2), 16) / 255)).join(" ")

/** Distance of a Bézier control point for a quarter of a circle. */
const kappa = 0.5523

const outline = ({ x, y, width, height }: Box, corners: Corners): string => {
  if (corners.top === 0 && corners.bottom === 0) return `${join(x, y, width, height)} re`
  const most = Math.min(width, height) / 2
  const [b, t] = [Math.min(corners.bottom, most), Math.min(corners.top, most)]
  const [bc, tc] = [b * (1 - kappa), t * (1 - kappa)]
  const [right, top] = [x + width, y + height]
  return [
    `${join(x + b, y)} m ${join(right - b, y)} l`,
    `${join(right - bc, y, right, y + bc, right, y + b)} c ${join(right, top - t)} l`,
    `${join(right, top - tc, right - tc, top, right - t, top)} c ${join(x + t, top)} l`,
    `${join(x + tc, top, x, top - tc, x, top - t)} c ${join(x, y + b)} l`,
    `${join(x, y + bc, x + bc, y, x + b, y)} c h`
  ].join(" ")
}

const flip = (box: Box, height: number): Box => ({ ...box, y: height - box.y - box.height })

const logo = (shape: Extract<Shape, { kind: "logo" }>, height: number, resources: PageResources): string => {
  const image = resources.logos.get(shape.logo)
  if (image === undefined) return ""
  const box = flip(shape.box, height)
  const scale = Math.min(box.width / image.width, box.height / image.height)
  const [w, h] = [image.width * scale, image.height * scale]
  const shift = { left: 0, center: (box.width - w) / 2, right: box.width - w }[shape.align]
  return `q ${join(w, 0, 0, h, box.x + shift, box.y + (box.height - h) / 2)} cm /${image.name} Do Q`
}

const operators = (shape: Shape, height: number, resources: PageResources): string => {
  switch (shape.kind) {
    case "rect":
      return `${colour(shape.fill)} rg ${outline(flip(shape.box, height), shape.corners)} f`
    case "frame":
      return `${colour(shape.stroke)} RG ${round(shape.width)} w ${
        outline(flip(shape.box, height), shape.corners)
      } S`
    case "line": {
      const [[x1, y1], [x2, y2]] = [shape.from, shape.to]
      const dash = shape.dash === 0 ? "[] 0 d" : `[${join(shape.dash, shape.dash)}] 0 d`
      return `${colour(shape.stroke)} RG ${round(shape.width)} w ${dash} ${join(x1, height - y1)} m ${
        join(x2, height - y2)
      } l S [] 0 d`
    }
    case "text": {
      const font = resources.fonts[shape.face.name]
      return `BT /${shape.face.name} ${round(shape.size)} Tf ${round(shape.spacing)} Tc ${
        colour(shape.fill)
      } rg ${join(shape.x, height - shape.y)} Td ${font.show(shape.text, shape.size)} ET`
    }
    case "cells": {
      const runs = shape.runs.map(([x, y, length]) => `${x} ${y} ${length} 1 re`).join("\n")
      return `q 0 g ${join(shape.unit, 0, 0, -shape.unit, shape.x, height - shape.y)} cm\n${runs}\nf Q`
    }
    case "logo":
      return logo(shape, height, resources)
  }
}

/** The whole content stream of a page; encoding its texts adds their glyphs to the fonts. */
export const pageContent = (canvas: Canvas, resources: PageResources): string =>
  canvas.shapes.map((shape) => operators(shape, canvas.height, resources)).join("\n")
