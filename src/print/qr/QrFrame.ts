/** What all QR codes of a version share: the fixed patterns, the masks, and where the data goes (ISO/IEC 18004 §6.3, §7.7, §7.8). */

/** `modules` are the fixed patterns; `path` are the places of the data's bits, in their order. */
export interface QrFrame {
  readonly size: number
  readonly modules: Uint8Array
  readonly path: Int32Array
  /** For each of the eight masks, what it does to every module; nothing to fixed ones. */
  readonly masks: ReadonlyArray<Uint8Array>
}

const inverts: ReadonlyArray<(row: number, column: number) => boolean> = [
  (i, j) => (i + j) % 2 === 0,
  (i) => i % 2 === 0,
  (_, j) => j % 3 === 0,
  (i, j) => (i + j) % 3 === 0,
  (i, j) => (Math.floor(i / 2) + Math.floor(j / 3)) % 2 === 0,
  (i, j) => ((i * j) % 2) + ((i * j) % 3) === 0,
  (i, j) => (((i * j) % 2) + ((i * j) % 3)) % 2 === 0,
  (i, j) => (((i * j) % 3) + ((i + j) % 2)) % 2 === 0
]

/** Centres of the alignment patterns on one axis (annex E). */
const alignments = (version: number, size: number): ReadonlyArray<number> => {
  if (version === 1) return []
  const many = Math.floor(version / 7) + 2
  const step = version === 32 ? 26 : Math.ceil((version * 4 + 4) / (many * 2 - 2)) * 2
  return [6, ...Array.from({ length: many - 1 }, (_, at) => size - 7 - (many - 2 - at) * step)]
}

/** Appends the remainder of a division by `generator` (annex C and D). */
const protect = (value: number, generator: number, degree: number): number => {
  let rest = value << degree
  for (let bit = 31; bit >= degree; bit--) {
    if ((rest >>> bit) & 1) rest ^= generator << (bit - degree)
  }
  return (value << degree) | rest
}

class Drawing {
  readonly size: number
  readonly modules: Uint8Array
  readonly fixed: Uint8Array

  constructor(version: number) {
    this.size = 17 + 4 * version
    this.modules = new Uint8Array(this.size * this.size)
    this.fixed = new Uint8Array(this.size * this.size)
  }

  set(row: number, column: number, dark: boolean): void {
    if (row < 0 || column < 0 || row >= this.size || column >= this.size) return
    this.modules[row * this.size + column] = dark ? 1 : 0
    this.fixed[row * this.size + column] = 1
  }

  /** Squares around a centre; `light` are the rings that are not dark. */
  rings(row: number, column: number, reach: number, light: ReadonlyArray<number>): void {
    for (let y = -reach; y <= reach; y++) {
      for (let x = -reach; x <= reach; x++) {
        this.set(row + y, column + x, !light.includes(Math.max(Math.abs(x), Math.abs(y))))
      }
    }
  }
}

const drawFixed = (drawing: Drawing, version: number): void => {
  const { size } = drawing
  for (let at = 0; at < size; at++) {
    drawing.set(6, at, at % 2 === 0)
    drawing.set(at, 6, at % 2 === 0)
  }
  for (const [row, column] of [[3, 3], [3, size - 4], [size - 4, 3]] as const) {
    drawing.rings(row, column, 4, [2, 4])
  }
  const centres = alignments(version, size)
  const last = size - 7
  for (const row of centres) {
    for (const column of centres) {
      const onFinder = (row === 6 && (column === 6 || column === last)) || (row === last && column === 6)
      if (!onFinder) drawing.rings(row, column, 2, [1])
    }
  }
  if (version >= 7) {
    const bits = protect(version, 0x1f25, 12)
    for (let bit = 0; bit < 18; bit++) {
      const dark = ((bits >> bit) & 1) === 1
      drawing.set(Math.floor(bit / 3), size - 11 + (bit % 3), dark)
      drawing.set(size - 11 + (bit % 3), Math.floor(bit / 3), dark)
    }
  }
  for (const at of formatPlaces(size)) drawing.fixed[at] = 1
  drawing.set(size - 8, 8, true)
}

/** Places of the format's fifteen bits, each bit twice, least first. */
const formatPlaces = (size: number): ReadonlyArray<number> => {
  const places: Array<number> = []
  for (let bit = 0; bit < 15; bit++) {
    const row = bit < 6 ? bit : bit < 8 ? bit + 1 : size - 15 + bit
    const column = bit < 8 ? size - bit - 1 : bit < 9 ? 7 : 14 - bit
    places.push(row * size + 8, 8 * size + column)
  }
  return places
}

/** Writes level M and a mask's number, protected and masked themselves (§7.9). */
export const drawFormat = (modules: Uint8Array, size: number, mask: number): void => {
  const bits = protect(mask, 0x537, 10) ^ 0x5412
  formatPlaces(size).forEach((place, at) => modules[place] = (bits >> (at >> 1)) & 1)
}

/** Upwards and downwards in columns of two, from the right, around what is fixed (§7.7.3). */
const pathOf = ({ fixed, size }: Drawing): Int32Array => {
  const path: Array<number> = []
  let up = true
  for (let right = size - 1; right > 0; right -= 2) {
    if (right === 6) right--
    for (let step = 0; step < size; step++) {
      const row: number = up ? size - 1 - step : step
      for (const column of [right, right - 1]) {
        const at = row * size + column
        if (fixed[at] === 0) path.push(at)
      }
    }
    up = !up
  }
  return Int32Array.from(path)
}

const make = (version: number): QrFrame => {
  const drawing = new Drawing(version)
  drawFixed(drawing, version)
  const { fixed, modules, size } = drawing
  const masks = inverts.map((inverted) =>
    fixed.map((fixed, at) => fixed === 0 && inverted(Math.floor(at / size), at % size) ? 1 : 0)
  )
  return { size, modules, path: pathOf(drawing), masks }
}

const frames = new Map<number, QrFrame>()

/** The frame of a version, 1 to 40, made once. */
export const frameOf = (version: number): QrFrame => {
  const known = frames.get(version)
  if (known !== undefined) return known
  const made = make(version)
  frames.set(version, made)
  return made
}
