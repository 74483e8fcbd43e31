/** A QR code as a file of its own: SVG, PNG, or the PNG in base64, with its quiet zone, black on white. */
import { crc32, deflateSync } from "node:zlib"
import * as Schema from "effect/Schema"
import { darkRuns, type QrMatrix, quietZone } from "./QrMatrix.ts"

/** `qrFormat` of the flows document; `base64` is the PNG as text. */
export const QrFormat = Schema.Literals(["base64", "png", "svg"])
export type QrFormat = typeof QrFormat.Type

/** `qrSize` of the flows document. */
export const QrSize = Schema.Literals(["small", "medium", "large"])
export type QrSize = typeof QrSize.Type

/** A rendered QR code; `base64` is served as text and named `.txt`. */
export interface QrFile {
  readonly bytes: Uint8Array
  readonly contentType: "image/png" | "image/svg+xml" | "text/plain"
  readonly extension: "png" | "svg" | "txt"
}

const leastEdge: Readonly<Record<QrSize, number>> = { small: 200, medium: 400, large: 800 }

/** Whole pixels a module, so that every edge is sharp and the image is at least as wide as its size asks. */
const scaleOf = (matrix: QrMatrix, size: QrSize): number =>
  Math.ceil(leastEdge[size] / (matrix.size + 2 * quietZone))

const svg = (matrix: QrMatrix, size: QrSize): string => {
  const edge = matrix.size + 2 * quietZone
  const pixels = edge * scaleOf(matrix, size)
  const path = darkRuns(matrix).map(([x, y, length]) =>
    `M${x + quietZone} ${y + quietZone}h${length}v1h-${length}z`
  )
  const box = `width="${pixels}" height="${pixels}" viewBox="0 0 ${edge} ${edge}"`
  return `<svg xmlns="http://www.w3.org/2000/svg" ${box} ` +
    `shape-rendering="crispEdges"><rect width="${edge}" height="${edge}" fill="#fff"/><path d="${
      path.join("")
    }"/></svg>`
}

const chunk = (type: string, data: Uint8Array): Buffer => {
  const bytes = Buffer.alloc(data.length + 12)
  bytes.writeUInt32BE(data.length, 0)
  bytes.write(type, 4, "latin1")
  bytes.set(data, 8)
  bytes.writeUInt32BE(crc32(bytes.subarray(4, data.length + 8)), data.length + 8)
  return bytes
}

/** Rows repeat at once, so that a window of 2 KiB finds as much: zlib clears and frees a tenth of the memory. */
const effort = { level: 6, windowBits: 11, memLevel: 6, chunkSize: 4 * 1024 }

/** A PNG of one bit a pixel (RFC 2083): a tenth of the cost of a true colour one, and smaller. */
const png = (matrix: QrMatrix, size: QrSize): Uint8Array => {
  const scale = scaleOf(matrix, size)
  const edge = (matrix.size + 2 * quietZone) * scale
  const stride = Math.ceil(edge / 8) + 1
  const pixels = Buffer.alloc(stride * edge, 0xff)
  for (let row = 0; row < edge; row++) pixels[row * stride] = 0
  for (let y = 0; y < matrix.size; y++) {
    const first = (y + quietZone) * scale * stride
    for (let x = 0; x < matrix.size; x++) {
      if (matrix.modules[y * matrix.size + x] === 0) continue
      const left = (x + quietZone) * scale
      for (let pixel = left; pixel < left + scale; pixel++) {
        const at = first + 1 + (pixel >> 3)
        pixels[at] = pixels[at]! & ~(0x80 >> (pixel & 7))
      }
    }
    for (let copy = 1; copy < scale; copy++) pixels.copyWithin(first + copy * stride, first, first + stride)
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(edge, 0)
  header.writeUInt32BE(edge, 4)
  header.set([1, 0, 0, 0, 0], 8)
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(pixels, effort)),
    chunk("IEND", new Uint8Array())
  ])
}

const render = (matrix: QrMatrix, format: QrFormat, size: QrSize): QrFile => {
  switch (format) {
    case "svg":
      return {
        bytes: new TextEncoder().encode(svg(matrix, size)),
        contentType: "image/svg+xml",
        extension: "svg"
      }
    case "png":
      return { bytes: png(matrix, size), contentType: "image/png", extension: "png" }
    case "base64":
      return {
        bytes: new TextEncoder().encode(Buffer.from(png(matrix, size)).toString("base64")),
        contentType: "text/plain",
        extension: "txt"
      }
  }
}

/** QR images of a matrix: any format of the flows document at any of its sizes. */
export const QrImage = { render, svg, png }
