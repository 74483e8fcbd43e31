/** Files that pretend to be logos: chunks and segments of every kind, length and place, cut, flipped and stretched. */
import { deflateSync } from "node:zlib"
import { chunk, pngOf } from "../support/Pngs.ts"
import type { Random } from "./Random.ts"

const types = "PLTE tRNS iCCP zTXt iTXt tEXt eXIf gAMA acTL fcTL fdAT IDAT IHDR IEND xXxX ABCD".split(" ")

const dataOf = (random: Random): Uint8Array => {
  const length = random.pick([0, 1, 6, 13, 768, 1_000, 100_000, 250_000])
  return random.chance(0.5)
    ? Buffer.alloc(length, random.below(256))
    : Buffer.concat([Buffer.from("a\0\0", "latin1"), deflateSync(Buffer.alloc(length * 100))])
}

const png = (random: Random): Uint8Array =>
  pngOf({
    header: random.chance(0.5) ? {} : {
      width: random.pick([0, 1, 8, 4_096, 2_000_000, 2 ** 31]),
      height: random.pick([0, 1, 8, 400, 4_096, 2 ** 31]),
      depth: random.pick([1, 8, 16, 255]),
      colourType: random.below(8),
      interlace: random.below(3)
    },
    before: Array.from({ length: random.below(3) }, () => chunk(random.pick(types), dataOf(random))),
    after: Array.from({ length: random.below(3) }, () => chunk(random.pick(types), dataOf(random)))
  })

const jpeg = (random: Random): Uint8Array => {
  const segments = Array.from({ length: random.pick([0, 1, 3, 100]) }, () => {
    const data = Buffer.alloc(random.pick([0, 1, 14, 60_000]), random.below(256))
    const marker = random.pick([0xc0, 0xc1, 0xc2, 0xc4, 0xc9, 0xda, 0xdb, 0xdd, 0xe0, 0xe1, 0xee, 0xfe, 0x01])
    const head = Buffer.from([0xff, marker, 0, 0])
    head.writeUInt16BE(random.chance(0.9) ? data.length + 2 : random.below(65_536), 2)
    return Buffer.concat([head, data])
  })
  return Buffer.concat([Buffer.from("ffd8", "hex"), ...segments, Buffer.from("ffd9", "hex")])
}

/** One such file. */
export const logoOf = (random: Random): Uint8Array => {
  const file = new Uint8Array(random.chance(0.7) ? png(random) : jpeg(random))
  if (random.chance(0.2)) file[random.below(file.length)] = random.below(256)
  return random.chance(0.1) ? file.slice(0, random.below(file.length)) : file
}
