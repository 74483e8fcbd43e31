/** The shapes of a page as the operators of a PDF content stream (ISO 32000-1 §8.2). */
import { PDFHexString } from "@cantoo/pdf-lib"
import type { Canvas } from "./Canvas.ts"
import type { Box, Colour, Corners, Shape } from "./Shapes.ts"
import type { EmbeddedFallback, EmbeddedFont } from "./EmbeddedFont.ts"
import type { DecodedLogo } from "./Logo.ts"

/** What a content stream refers to by name: our fonts by weight, others by their key, the logos by what was drawn. */
export interface PageResources {
  readonly fonts: { readonly regular: EmbeddedFont; readonly bold: EmbeddedFont }
  readonly others: ReadonlyMap<string, EmbeddedFallback>
  readonly logos: ReadonlyMap<
    DecodedLogo,
    { readonly name: string; readonly width: number; readonly height: number }
  >
}

const round = (value: number): string => String(Math.round(value * 1000) / 1000)
const join = (first: number, ...others: ReadonlyArray<number>): string => {
  let joined = round(first)
  for (const value of others) joined += ` ${round(value)}`
  return joined
}

type TextShape = Extract<Shape, { kind: "text" }>

/** The 256 levels of a colour between 0 and 1. */
const levels = Array.from({ length: 256 }, (_, level) => round(level / 255))

const colour = (fill: Colour): string => {
  const rgb = Number.parseInt(fill.slice(1), 16)
  return `${levels[rgb >> 16]} ${levels[(rgb >> 8) & 0xff]} ${levels[rgb & 0xff]}`
}

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

const cells = ({ runs, unit, x, y }: Extract<Shape, { kind: "cells" }>, height: number): string => {
  let written = `q 0 g ${join(unit, 0, 0, -unit, x, height - y)} cm\n`
  for (const [left, row, length] of runs) written += `${left} ${row} ${length} 1 re\n`
  return `${written}f Q`
}

/** The glyphs of a line, run by run; our own face is chosen when they begin. */
const glyphs = ({ direction, face, size, text }: TextShape, { fonts, others }: PageResources): string => {
  const own = fonts[face.name]
  if (face.hasAll(text)) return own.show(text, size)
  let chosen: string = face.name
  let written = ""
  for (const { clusters, font, text: spelled } of face.runs(text, direction)) {
    const key = font === face ? face.name : font.key
    if (key !== chosen) written += `/${key} ${round(size)} Tf `
    chosen = key
    if (font !== face) written += `${others.get(key)?.showClusters(clusters, size) ?? ""} `
    else written += `${spelled === undefined ? own.showClusters(clusters, size) : own.show(spelled, size)} `
  }
  return written.trimEnd()
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
      const shown = glyphs(shape, resources)
      return `BT /${shape.face.name} ${round(shape.size)} Tf ${round(shape.spacing)} Tc ${
        colour(shape.fill)
      } rg ${join(shape.x, height - shape.y)} Td ${
        shape.says === undefined
          ? shown
          : `/Span <</ActualText ${PDFHexString.fromText(shape.says)}>> BDC ${shown} EMC`
      } ET`
    }
    case "cells":
      return cells(shape, height)
    case "logo":
      return logo(shape, height, resources)
  }
}

/**
 * The content stream of a page, and the block of each piece of marked content in it; encoding its texts adds their glyphs
 * to the fonts. What is in no block is marked as an artifact, which screen readers leave out.
 */
export const pageContent = (
  canvas: Canvas,
  resources: PageResources
): { readonly content: string; readonly marked: ReadonlyArray<number> } => {
  const marked: Array<number> = []
  let content = ""
  let isArtifact = false
  for (const shape of canvas.shapes) {
    const drawn = operators(shape, canvas.height, resources)
    const block = "block" in shape ? shape.block : undefined
    if (block === undefined) {
      content += isArtifact ? `${drawn}\n` : `/Artifact BMC\n${drawn}\n`
      isArtifact = true
      continue
    }
    if (isArtifact) content += "EMC\n"
    isArtifact = false
    content += `/${canvas.blocks[block]!.role} <</MCID ${marked.push(block) - 1}>> BDC\n${drawn}\nEMC\n`
  }
  return { content: isArtifact ? `${content}EMC\n` : content, marked }
}
