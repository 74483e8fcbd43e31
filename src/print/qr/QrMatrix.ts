/** The modules of a QR code, computed once and drawn in every form: error correction M, byte mode, UTF-8. */
import { codewordsOf, versionOf } from "./QrCodewords.ts"
import { drawFormat, frameOf } from "./QrFrame.ts"
import { penaltyOf } from "./QrPenalty.ts"

/** A square of modules, row by row; 1 is dark. */
export interface QrMatrix {
  readonly size: number
  readonly modules: Uint8Array
}

/** Light modules around the code (ISO/IEC 18004 §5.3.8). */
export const quietZone = 4

/** The most bytes a QR code holds at level M (version 40). */
export const largestQr = 2331

/** The matrix of a text of at most `largestQr` bytes (ISO/IEC 18004); throws a `RangeError` beyond. */
export const qrMatrix = (text: string): QrMatrix => {
  const data = new TextEncoder().encode(text)
  const version = versionOf(data.length)
  if (data.length === 0 || version === undefined) {
    throw new RangeError(`A QR code holds 1 to ${largestQr} bytes, not ${data.length}`)
  }
  const { masks, modules: fixed, path, size } = frameOf(version)
  const plain = fixed.slice()
  const codewords = codewordsOf(data, version)
  for (let bit = 0; bit < codewords.length * 8; bit++) {
    plain[path[bit]!] = (codewords[bit >> 3]! >> (7 - (bit & 7))) & 1
  }
  let best = plain
  let least = Infinity
  masks.forEach((mask, number) => {
    const modules = new Uint8Array(plain.length)
    for (let at = 0; at < modules.length; at++) modules[at] = plain[at]! ^ mask[at]!
    drawFormat(modules, size, number)
    const penalty = penaltyOf(modules, size)
    if (penalty >= least) return
    least = penalty
    best = modules
  })
  return { size, modules: best }
}

/**
 * Horizontal runs of dark modules, `x y length` in modules from the code's own corner: one path draws them
 * all.
 */
export const darkRuns = (
  { size, modules }: QrMatrix
): ReadonlyArray<readonly [x: number, y: number, length: number]> => {
  const runs: Array<readonly [number, number, number]> = []
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const start = x
      while (x < size && modules[y * size + x] === 1) x++
      if (x > start) runs.push([start, y, x - start])
    }
  }
  return runs
}
