/** Logos: PNG and JPEG files, looked at before they are kept, decoded once and then drawn in any number of documents. */
import { type PDFContext, PDFDocument, PDFName, PDFRawStream, PDFRef } from "@cantoo/pdf-lib"
import { crc32, inflateSync } from "node:zlib"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

/** What a logo file says of itself. */
export interface LogoFile {
  readonly extension: "png" | "jpg"
  readonly contentType: "image/png" | "image/jpeg"
  readonly width: number
  readonly height: number
}

/** The most that a logo may be: it is in every ticket that shows it, and is decoded in one go. */
export const largestLogo = { bytes: 256 * 1024, pixels: 2_000_000 }

/** An image, with its opacity when it has one; streams of a document that is never written. */
interface Decoded {
  readonly width: number
  readonly height: number
  readonly image: PDFRawStream
  readonly mask: PDFRawStream | undefined
}

const pngSignature = "89504e470d0a1a0a"

/** The pixels are as many as the header says, at most eight bytes each (16 bits of four channels), and no more. */
const isBounded = (file: Buffer, { height, width }: LogoFile): boolean => {
  const data: Array<Buffer> = []
  for (let at = 8, length = 0; at + 12 <= file.length; at += 12 + length) {
    length = file.readUInt32BE(at)
    if (file.toString("latin1", at + 4, at + 8) === "IDAT") data.push(file.subarray(at + 8, at + 8 + length))
  }
  try {
    inflateSync(Buffer.concat(data), { maxOutputLength: (width * 8 + 15) * height + 64 })
    return true
  } catch {
    return false
  }
}

/** Every chunk is whole and the last one is the end (RFC 2083 §3). */
const readPng = (file: Buffer): LogoFile | undefined => {
  let at = 8
  let type = ""
  while (type !== "IEND") {
    if (at + 12 > file.length) return undefined
    const length = file.readUInt32BE(at)
    if (at + 12 + length > file.length) return undefined
    type = file.toString("latin1", at + 4, at + 8)
    if (at === 8 && (type !== "IHDR" || length !== 13)) return undefined
    if (crc32(file.subarray(at + 4, at + 8 + length)) !== file.readUInt32BE(at + 8 + length)) return undefined
    at += 12 + length
  }
  return {
    extension: "png",
    contentType: "image/png",
    width: file.readUInt32BE(16),
    height: file.readUInt32BE(20)
  }
}

/**
 * A frame header comes before the scan, and the file ends as one does (ITU T.81 §B.2). Only frames that readers of PDF
 * decode: baseline, extended or progressive, Huffman coded, of eight bits (ISO 32000-1 §7.4.8).
 */
const readJpeg = (file: Buffer): LogoFile | undefined => {
  if (file.readUInt16BE(file.length - 2) !== 0xffd9) return undefined
  let at = 2
  while (at + 9 < file.length && file[at] === 0xff) {
    const marker = file[at + 1]!
    const isFrame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc
    if (isFrame) {
      if (marker > 0xc2 || file[at + 4] !== 8) return undefined
      const [height, width] = [file.readUInt16BE(at + 5), file.readUInt16BE(at + 7)]
      return { extension: "jpg", contentType: "image/jpeg", width, height }
    }
    if (marker === 0xda) return undefined
    at += 2 + file.readUInt16BE(at + 2)
  }
  return undefined
}

/** The kind and the size of a whole PNG or JPEG file of an acceptable size; none for anything else. */
export const readLogo = (bytes: Uint8Array): Option.Option<LogoFile> => {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (file.length < 32 || file.length > largestLogo.bytes) return Option.none()
  const found = file.toString("hex", 0, 8) === pngSignature
    ? readPng(file)
    : file.readUInt16BE(0) === 0xffd8
    ? readJpeg(file)
    : undefined
  const pixels = (found?.width ?? 0) * (found?.height ?? 0)
  if (found === undefined || pixels === 0 || pixels > largestLogo.pixels) return Option.none()
  return found.extension === "jpg" || isBounded(file, found) ? Option.some(found) : Option.none()
}

const streamAt = (context: PDFContext, ref: PDFRef): PDFRawStream => {
  const stream = context.lookup(ref)
  if (stream instanceof PDFRawStream) return stream
  throw new TypeError("An image is not a stream")
}

const opacity = PDFName.of("SMask")

const decode = async (bytes: Uint8Array, file: LogoFile): Promise<Decoded> => {
  const scratch = await PDFDocument.create({ updateMetadata: false })
  const own = new Uint8Array(bytes)
  const embedded = file.extension === "png" ? await scratch.embedPng(own) : await scratch.embedJpg(own)
  await embedded.embed()
  const image = streamAt(scratch.context, embedded.ref)
  const mask = image.dict.get(opacity)
  return {
    width: embedded.width,
    height: embedded.height,
    image,
    mask: mask instanceof PDFRef ? streamAt(scratch.context, mask) : undefined
  }
}

/** By the very bytes: a logo is looked at and decoded once as long as somebody keeps them. */
const decoded = new WeakMap<Uint8Array, Promise<Decoded>>()

const decodeOnce = (bytes: Uint8Array): Option.Option<Promise<Decoded>> => {
  const known = decoded.get(bytes)
  if (known !== undefined) return Option.some(known)
  return Option.map(readLogo(bytes), (file) => {
    const made = decode(bytes, file)
    decoded.set(bytes, made)
    return made
  })
}

/** The same bytes in another document; its opacity is that document's. */
const place = (document: PDFContext, stream: PDFRawStream, mask?: PDFRef): PDFRef => {
  const dict = stream.dict.clone(document)
  if (mask !== undefined) dict.set(opacity, mask)
  return document.register(PDFRawStream.of(dict, stream.contents))
}

/** Puts a logo into a document; none when it is no PNG or JPEG that can be drawn. */
export const embedLogo = Effect.fn("Logo.embedLogo")(function* (document: PDFContext, bytes: Uint8Array) {
  const known = decodeOnce(bytes)
  if (Option.isNone(known)) return Option.none()
  const logo = yield* Effect.option(Effect.tryPromise(() => known.value))
  return Option.map(logo, ({ height, image, mask, width }) => {
    return { width, height, ref: place(document, image, mask && place(document, mask)) }
  })
})

/** What a logo weighs in every document that shows it, in bytes; none when it cannot be drawn. */
export const logoWeight = Effect.fn("Logo.logoWeight")(function* (bytes: Uint8Array) {
  const file = readLogo(bytes)
  if (Option.isNone(file)) return Option.none()
  const logo = yield* Effect.option(Effect.tryPromise(() => decode(bytes, file.value)))
  return Option.map(logo, ({ image, mask }) => image.contents.length + (mask?.contents.length ?? 0))
})
