/** PNG files that may be a logo: every chunk is checked, and a copy is made of those alone that make the picture (RFC 2083). */
import { crc32, inflateSync } from "node:zlib"
import type { ImageFile } from "./ImageFile.ts"

/** The first eight bytes of every PNG file, in hexadecimal. */
export const pngSignature = "89504e470d0a1a0a"

/** The channels of each colour type, and the bits of one that are taken (RFC 2083 §4.1.1, without 16 bits). */
const colourTypes: Readonly<Record<number, { channels: number; depths: ReadonlyArray<number> }>> = {
  0: { channels: 1, depths: [1, 2, 4, 8] },
  2: { channels: 3, depths: [8] },
  3: { channels: 1, depths: [1, 2, 4, 8] },
  4: { channels: 2, depths: [8] },
  6: { channels: 4, depths: [8] }
}

/** How long `tRNS` is for each colour type that may have it; a palette's is as long as the palette at most. */
const transparencies: Readonly<Record<number, (length: number, palette: number) => boolean>> = {
  0: (length) => length === 2,
  2: (length) => length === 6,
  3: (length, palette) => length <= palette
}

/** A file of more chunks was made to be long to read. */
const mostChunks = 512

interface Chunk {
  readonly type: string
  readonly data: Buffer
  readonly whole: Buffer
}

/** Whole chunks with their checksums, up to the end of the file; none when anything else is in it. */
const chunksOf = (file: Buffer): ReadonlyArray<Chunk> | undefined => {
  const chunks: Array<Chunk> = []
  for (let at = 8; at < file.length;) {
    if (at + 12 > file.length || chunks.length === mostChunks) return undefined
    const end = at + 12 + file.readUInt32BE(at)
    if (end > file.length) return undefined
    if (crc32(file.subarray(at + 4, end - 4)) !== file.readUInt32BE(end - 4)) return undefined
    chunks.push({
      type: file.toString("latin1", at + 4, at + 8),
      data: file.subarray(at + 8, end - 4),
      whole: file.subarray(at, end)
    })
    at = end
  }
  return chunks
}

/** A chunk that a reader may leave out has a small first letter (RFC 2083 §3.3). */
const isAncillary = ({ whole }: Chunk): boolean => (whole[4]! & 0x20) !== 0

/** Without the chunks that no picture needs; none where one is twice, out of place or missing. */
const pictureOf = (chunks: ReadonlyArray<Chunk>, colourType: number): ReadonlyArray<Chunk> | undefined => {
  const kept: Array<Chunk> = []
  let palette = 0
  for (const chunk of chunks.slice(1, -1)) {
    const { data, type } = chunk
    const began = kept.some((other) => other.type === "IDAT")
    if (type === "IDAT") {
      if (began && kept.at(-1)?.type !== "IDAT") return undefined
      kept.push(chunk)
    } else if (type === "PLTE") {
      if (began || palette > 0 || data.length === 0 || data.length > 768 || data.length % 3 !== 0) {
        return undefined
      }
      palette = data.length / 3
      if (colourType === 3) kept.push(chunk)
    } else if (type === "tRNS") {
      if (began || kept.some((other) => other.type === "tRNS")) return undefined
      if (transparencies[colourType]?.(data.length, palette)) kept.push(chunk)
    } else if (!isAncillary(chunk)) return undefined
  }
  if (kept.at(-1)?.type !== "IDAT" || (colourType === 3 && palette === 0)) return undefined
  return kept
}

/** The pixels unpack to as many bytes as the header says, and not one more. */
const isWhole = (data: Uint8Array, length: number): boolean => {
  try {
    return inflateSync(data, { maxOutputLength: length }).length === length
  } catch {
    return false
  }
}

/** What a PNG file is, when it is one: eight bits a channel at most, not interlaced. Nothing is unpacked before `isWhole`. */
export const readPng = (file: Buffer): ImageFile | undefined => {
  const chunks = chunksOf(file)
  const header = chunks?.[0]
  const end = chunks?.at(-1)
  if (chunks === undefined || header?.type !== "IHDR" || header.data.length !== 13) return undefined
  if (end?.type !== "IEND" || end.data.length !== 0) return undefined
  const [width, height] = [header.data.readUInt32BE(0), header.data.readUInt32BE(4)]
  const [depth = 0, colourType = 0, compression, filter, interlace] = header.data.subarray(8)
  const kind = colourTypes[colourType]
  if (kind === undefined || !kind.depths.includes(depth)) return undefined
  if (compression !== 0 || filter !== 0 || interlace !== 0) return undefined
  const picture = pictureOf(chunks, colourType)
  if (picture === undefined) return undefined
  const pixels = () => Buffer.concat(picture.flatMap(({ data, type }) => type === "IDAT" ? [data] : []))
  return {
    extension: "png",
    contentType: "image/png",
    width,
    height,
    clean: () =>
      Buffer.concat([file.subarray(0, 8), header.whole, ...picture.map(({ whole }) => whole), end.whole]),
    isWhole: () => isWhole(pixels(), (Math.ceil(width * kind.channels * depth / 8) + 1) * height)
  }
}
