/** Finds a printed QR code in a page by its pixels alone, to measure what a lenient reader would forgive. */
import { assert } from "@effect/vitest"

/** A grey image, 0 black to 255 white. */
export interface Grey {
  readonly width: number
  readonly height: number
  readonly pixels: Uint8Array
}

/** Reads binary PGM, as `pdftoppm -gray` writes it. */
export const readPgm = (bytes: Uint8Array): Grey => {
  const head = /^P5\s+(\d+)\s+(\d+)\s+255\s/.exec(Buffer.from(bytes.subarray(0, 64)).toString("latin1"))
  assert.isNotNull(head)
  const [whole, width, height] = head!
  return { width: Number(width), height: Number(height), pixels: bytes.subarray(whole.length) }
}

/** True where the image is nearer to black than to white; outside it is white. */
export const dark = (image: Grey, x: number, y: number): boolean =>
  x >= 0 && x < image.width && (image.pixels[Math.floor(y) * image.width + Math.floor(x)] ?? 255) < 128

const runs = (image: Grey, y: number): ReadonlyArray<readonly [start: number, length: number]> => {
  const found: Array<readonly [number, number]> = []
  for (let x = 0; x < image.width; x++) {
    const start = x
    while (dark(image, x, y)) x++
    if (x - start >= 25) found.push([start, x - start])
  }
  return found
}

const isFinder = (image: Grey, x: number, y: number, length: number): boolean => {
  const unit = length / 7
  return [0, 1, 2, 3, 4, 5, 6].every((row) => {
    const ring = row === 0 || row === 6
    const core = row >= 2 && row <= 4
    const expected = ring ? "#######" : core ? "#.###.#" : "#.....#"
    return [...expected].every((cell, column) =>
      dark(image, x + (column + 0.5) * unit, y + (row + 0.5) * unit) === (cell === "#")
    )
  })
}

/** Top left corner and edge in pixels of the first QR code from the top, by its two upper finder patterns. */
export const findQr = (image: Grey): { readonly x: number; readonly y: number; readonly edge: number } => {
  for (let y = 0; y < image.height; y++) {
    const finders = runs(image, y).filter(([x, length]) => isFinder(image, x, y, length))
    const [left, right] = [finders.at(0), finders.at(-1)]
    if (left !== undefined && right !== undefined && left !== right) {
      return { x: left[0], y, edge: right[0] + right[1] - left[0] }
    }
  }
  return assert.fail("no QR code on the page")
}
