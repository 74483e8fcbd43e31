/** How hard a QR code is to read (ISO/IEC 18004 §7.8.3): of the eight masks, the one with the least is taken. */

const run = 3
const block = 3
const finderLike = 40
const imbalance = 10

const equal = (window: number, modules: number): boolean => {
  const last = window & ((1 << modules) - 1)
  return last === 0 || last === (1 << modules) - 1
}

/** What the last of six modules adds: the fifth equal one in a row, or one more of them. */
const runs = Uint8Array.from({ length: 64 }, (_, window) => equal(window, 6) ? 1 : equal(window, 5) ? run : 0)

/** What the last of eleven modules adds: the same, and the end of what looks like a finder. */
const added = Uint8Array.from(
  { length: 1 << 11 },
  (_, window) => runs[window & 63]! + (window === 0x5d0 || window === 0x05d ? finderLike : 0)
)

/** What a line that begins light, or dark, is thought to come after: no run goes on from it. */
const before = [0b10101, 0b01010]

/** Rows when `step` is 1 and `stride` the size, columns the other way round. */
const lines = (modules: Uint8Array, size: number, stride: number, step: number): number => {
  let points = 0
  for (let line = 0; line < size; line++) {
    let at = line * stride
    let window = before[modules[at]!]!
    for (let place = 0; place < 10; place++, at += step) {
      window = (window << 1) | modules[at]!
      points += runs[window & 63]!
    }
    for (let place = 10; place < size; place++, at += step) {
      window = ((window << 1) & 0x7ff) | modules[at]!
      points += added[window]!
    }
  }
  return points
}

/** By the number of dark modules among four. */
const blocks = Uint8Array.of(block, 0, 0, 0, block)

const squares = (modules: Uint8Array, size: number): number => {
  let points = 0
  for (let row = 0; row < size - 1; row++) {
    const from = row * size
    let left = modules[from]! + modules[from + size]!
    for (let at = from + 1; at < from + size; at++) {
      const right = modules[at]! + modules[at + size]!
      points += blocks[left + right]!
      left = right
    }
  }
  return points
}

const balance = (modules: Uint8Array): number => {
  let dark = 0
  for (let at = 0; at < modules.length; at++) dark += modules[at]!
  return Math.abs(Math.ceil((dark * 100) / modules.length / 5) - 10) * imbalance
}

/** The penalty of a whole code. */
export const penaltyOf = (modules: Uint8Array, size: number): number =>
  lines(modules, size, size, 1) + lines(modules, size, 1, size) + squares(modules, size) + balance(modules)
