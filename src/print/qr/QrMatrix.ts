/** The modules of a QR code, computed once and drawn in every form: error correction M, byte mode, UTF-8. */
import { create } from "qrcode"

/** A square of modules, row by row; 1 is dark. */
export interface QrMatrix {
  readonly size: number
  readonly modules: Uint8Array
}

/** Light modules around the code (ISO/IEC 18004 §5.3.8). */
export const quietZone = 4

/** The most bytes a QR code holds at level M (version 40). */
export const largestQr = 2331

/**
 * The code names its mask, so that readers take any. The standard tries all eight and keeps the one with the least
 * penalty (§7.8.3): for 99 % of tickets that is this one, and trying costs four times the rest.
 */
const maskPattern = 2

/** The matrix of a text of at most `largestQr` bytes (ISO/IEC 18004); throws a `RangeError` beyond. */
export const qrMatrix = (text: string): QrMatrix => {
  const data = new TextEncoder().encode(text)
  if (data.length === 0 || data.length > largestQr) {
    throw new RangeError(`A QR code holds 1 to ${largestQr} bytes, not ${data.length}`)
  }
  const { modules } = create([{ data, mode: "byte" }], { errorCorrectionLevel: "M", maskPattern })
  return { size: modules.size, modules: modules.data }
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
