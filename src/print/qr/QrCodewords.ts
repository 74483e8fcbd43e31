/** The codewords of a QR code at error correction level M: data, padding and Reed-Solomon blocks (ISO/IEC 18004 §7.4–7.6). */

/** Error correction codewords of one block, by version (table 9). */
const correction = [
  ...[10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26],
  ...[26, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28, 28]
]

/** Blocks, by version (table 9). */
const blocks = [
  ...[1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16],
  ...[17, 17, 18, 20, 21, 23, 25, 26, 28, 29, 31, 33, 35, 37, 38, 40, 43, 45, 47, 49]
]

/** The largest version there is. */
export const largestVersion = 40

/** All codewords that a symbol of a version holds (§7.4.10). */
const capacity = (version: number): number => {
  const alignments = version === 1 ? 0 : Math.floor(version / 7) + 2
  const aligned = alignments === 0 ? 0 : (25 * alignments - 10) * alignments - 55
  return Math.floor(((16 * version + 128) * version + 64 - aligned - (version >= 7 ? 36 : 0)) / 8)
}

const dataCodewords = (version: number): number =>
  capacity(version) - correction[version - 1]! * blocks[version - 1]!

const countBytes = (version: number): number => version < 10 ? 1 : 2

/** The bytes that fit a version in byte mode: half a byte is the mode, and the count takes one or two. */
const room = (version: number): number => dataCodewords(version) - countBytes(version) - 1

/** The smallest version that holds so many bytes; none above 2,331. */
export const versionOf = (length: number): number | undefined => {
  for (let version = 1; version <= largestVersion; version++) if (length <= room(version)) return version
  return undefined
}

const exp = new Uint8Array(510)
const log = new Uint8Array(256)
for (let at = 0, value = 1; at < 255; at++) {
  exp[at] = exp[at + 255] = value
  log[value] = at
  value = (value << 1) ^ (value & 0x80 ? 0x11d : 0)
}

const generators = new Map<number, Uint8Array>()

/** Logarithms of the generator polynomial's coefficients, the leading one left out (annex A). */
const generatorOf = (degree: number): Uint8Array => {
  const known = generators.get(degree)
  if (known !== undefined) return known
  const product = new Uint8Array(degree)
  product[degree - 1] = 1
  for (let root = 0; root < degree; root++) {
    for (let at = 0; at < degree; at++) {
      const value = product[at]!
      product[at] = (value === 0 ? 0 : exp[log[value]! + root]!) ^ (at + 1 < degree ? product[at + 1]! : 0)
    }
  }
  const made = product.map((value) => log[value]!)
  generators.set(degree, made)
  return made
}

const remainder = (block: Uint8Array, degree: number): Uint8Array => {
  const generator = generatorOf(degree)
  const result = new Uint8Array(degree)
  for (const byte of block) {
    const factor = byte ^ result[0]!
    result.copyWithin(0, 1)
    result[degree - 1] = 0
    if (factor === 0) continue
    const power = log[factor]!
    for (let at = 0; at < degree; at++) result[at] = result[at]! ^ exp[power + generator[at]!]!
  }
  return result
}

/** Mode, count, bytes, terminator and padding. */
const dataOf = (bytes: Uint8Array, version: number): Uint8Array => {
  const data = new Uint8Array(dataCodewords(version))
  const count = countBytes(version)
  const head = count === 1 ? [bytes.length] : [bytes.length >> 8, bytes.length & 0xff]
  let last = 0x4
  let at = 0
  for (const byte of [...head, ...bytes]) {
    data[at++] = (last << 4) | (byte >> 4)
    last = byte & 0xf
  }
  data[at++] = last << 4
  for (let pad = 0xec; at < data.length; pad ^= 0xec ^ 0x11) data[at++] = pad
  return data
}

/** The codewords of a text's bytes in the order in which they are placed: blocks interleaved (§7.6). */
export const codewordsOf = (bytes: Uint8Array, version: number): Uint8Array => {
  const data = dataOf(bytes, version)
  const many = blocks[version - 1]!
  const degree = correction[version - 1]!
  const short = Math.floor(data.length / many)
  const long = data.length % many
  const result = new Uint8Array(data.length + many * degree)
  for (let block = 0, from = 0; block < many; block++) {
    const length = block < many - long ? short : short + 1
    const part = data.subarray(from, from + length)
    from += length
    for (let at = 0; at < short; at++) result[at * many + block] = part[at]!
    if (length > short) result[short * many + block - (many - long)] = part[short]!
    const check = remainder(part, degree)
    for (let at = 0; at < degree; at++) result[data.length + at * many + block] = check[at]!
  }
  return result
}
