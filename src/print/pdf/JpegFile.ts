/** JPEG files that may be a logo: every segment is checked, and a copy is made of those alone that make the picture (ITU T.81 §B). */
import type { Colours, ImageFile } from "./ImageFile.ts"

/** A file of more segments was made to be long to read. */
const mostSegments = 64

/** Start of the image, end of the image, start of a scan. */
const [soi, eoi, sos] = [0xd8, 0xd9, 0xda]

/** Tables of quantisation and of Huffman codes, the interval of restarts. */
const tables = new Set([0xdb, 0xc4, 0xdd])

const isFrame = (marker: number): boolean => marker >= 0xc0 && marker <= 0xc2
const isApplication = (marker: number): boolean => marker >= 0xe0 && marker <= 0xef
const isComment = (marker: number): boolean => marker === 0xfe

/** JFIF without a thumbnail and Adobe's: they say what the channels mean. Any other application's data is left out. */
const saysColours = (marker: number, segment: Buffer): boolean =>
  marker === 0xe0 && segment.length === 18 && segment.toString("latin1", 4, 9) === "JFIF\0" ||
  marker === 0xee && segment.length === 16 && segment.toString("latin1", 4, 9) === "Adobe"

/** By the number of channels. */
const coloursOf: Readonly<Record<number, Colours>> = { 1: "DeviceGray", 3: "DeviceRGB", 4: "DeviceCMYK" }

interface Frame {
  readonly width: number
  readonly height: number
  readonly colours: Colours
}

/** Only frames that readers of PDF decode: baseline, extended or progressive, of eight bits (ISO 32000-1 §7.4.8). */
const frameOf = (segment: Buffer): Frame | undefined => {
  const space = coloursOf[segment[9] ?? 0]
  if (segment.length < 10 || segment[4] !== 8 || space === undefined) return undefined
  return { height: segment.readUInt16BE(5), width: segment.readUInt16BE(7), colours: space }
}

/** Where the coded pixels that begin here end: at the next marker that is no restart. */
const endOfScan = (file: Buffer, from: number): number => {
  let at = file.indexOf(0xff, from)
  while (at !== -1 && at + 1 < file.length) {
    const next = file[at + 1]!
    if (next !== 0 && !(next >= 0xd0 && next <= 0xd7)) return at
    at = file.indexOf(0xff, at + 2)
  }
  return file.length
}

/** The next marker, after the fill bytes that may stand before it. */
const markerAt = (file: Buffer, at: number): number => {
  let place = at
  while (file[place] === 0xff && file[place + 1] === 0xff) place++
  return place
}

/** What a JPEG file is, when it is one, whole, with nothing after its end. */
export const readJpeg = (file: Buffer): ImageFile | undefined => {
  const kept: Array<Uint8Array> = [Buffer.from([0xff, soi])]
  let frame: Frame | undefined
  let scans = 0
  let segments = 0
  for (let at = markerAt(file, 2); file[at] === 0xff && at + 1 < file.length; at = markerAt(file, at)) {
    const marker = file[at + 1]!
    if (marker === eoi) {
      if (frame === undefined || scans === 0 || at + 2 !== file.length) return undefined
      kept.push(file.subarray(at))
      const { colours, height, width } = frame
      return {
        extension: "jpg",
        contentType: "image/jpeg",
        width,
        height,
        colours,
        clean: () => Buffer.concat(kept),
        isWhole: () => true
      }
    }
    if (++segments > mostSegments || at + 4 > file.length) return undefined
    const length = file.readUInt16BE(at + 2)
    let end = at + 2 + length
    if (length < 2 || end > file.length) return undefined
    const segment = file.subarray(at, end)
    if (isFrame(marker)) {
      if (frame !== undefined) return undefined
      frame = frameOf(segment)
      if (frame === undefined) return undefined
    } else if (marker === sos) {
      if (frame === undefined) return undefined
      scans++
      end = endOfScan(file, end)
    } else if (!tables.has(marker) && !isApplication(marker) && !isComment(marker)) return undefined
    if (!isComment(marker) && (!isApplication(marker) || saysColours(marker, segment))) {
      kept.push(file.subarray(at, end))
    }
    at = end
  }
  return undefined
}
