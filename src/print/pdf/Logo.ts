/** Logos: PNG and JPEG files, looked at before they are kept, decoded once and then drawn in any number of documents. */
import { type PDFContext, PDFDocument, PDFName, PDFRawStream, PDFRef } from "@cantoo/pdf-lib"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Colours, ImageFile } from "./ImageFile.ts"
import { readJpeg } from "./JpegFile.ts"
import { pngSignature, readPng } from "./PngFile.ts"

/** What a logo file says of itself. */
export type LogoFile = Pick<ImageFile, "extension" | "contentType" | "width" | "height">

/** The most that a logo may be: it is in every ticket that shows it, and is decoded in one go. */
export const largestLogo = { bytes: 256 * 1024, pixels: 2_000_000, edge: 4_096 }

/** The bytes of a picture as a PDF has them: deflated samples of eight bits, or a JPEG file. */
interface Picture {
  readonly colours: Colours
  readonly filter: "FlateDecode" | "DCTDecode"
  readonly bytes: Uint8Array
}

/** A logo ready to be drawn, with its opacity when it has one. It is plain data: another thread may have made it. */
export interface DecodedLogo {
  readonly width: number
  readonly height: number
  readonly image: Picture
  readonly opacity: Picture | null
}

const open = (bytes: Uint8Array): ImageFile | undefined => {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (file.length < 32 || file.length > largestLogo.bytes) return undefined
  const found = file.toString("hex", 0, 8) === pngSignature
    ? readPng(file)
    : file.readUInt16BE(0) === 0xffd8
    ? readJpeg(file)
    : undefined
  if (found === undefined || found.width === 0 || found.height === 0) return undefined
  const isSmall = found.width <= largestLogo.edge && found.height <= largestLogo.edge &&
    found.width * found.height <= largestLogo.pixels
  return isSmall ? found : undefined
}

/** The kind and the size of a PNG or JPEG file of an acceptable size; none for anything else. Its pixels are not unpacked. */
export const readLogo = (bytes: Uint8Array): Option.Option<LogoFile> => {
  const file = open(bytes)
  if (file === undefined) return Option.none()
  const { contentType, extension, height, width } = file
  return Option.some({ extension, contentType, width, height })
}

const streamAt = (context: PDFContext, ref: PDFRef): PDFRawStream => {
  const stream = context.lookup(ref)
  if (stream instanceof PDFRawStream) return stream
  throw new TypeError("An image is not a stream")
}

const samples = (colours: Colours, { contents }: PDFRawStream): Picture => ({
  colours,
  filter: "FlateDecode",
  bytes: contents
})

const decodePng = async ({ clean, height, width }: ImageFile): Promise<DecodedLogo> => {
  const scratch = await PDFDocument.create({ updateMetadata: false })
  const embedded = await scratch.embedPng(new Uint8Array(clean()))
  await embedded.embed()
  const image = streamAt(scratch.context, embedded.ref)
  const opacity = image.dict.get(PDFName.of("SMask"))
  return {
    width,
    height,
    image: samples("DeviceRGB", image),
    opacity: opacity instanceof PDFRef ? samples("DeviceGray", streamAt(scratch.context, opacity)) : null
  }
}

/** Takes up to a second for a large PNG, during which this thread does nothing else; none when it cannot be drawn. */
export const decodeLogo = Effect.fn("Logo.decodeLogo")(function* (bytes: Uint8Array) {
  const file = open(bytes)
  if (file === undefined || !file.isWhole()) return Option.none<DecodedLogo>()
  if (file.colours === undefined) return yield* Effect.option(Effect.tryPromise(() => decodePng(file)))
  const image: Picture = { colours: file.colours, filter: "DCTDecode", bytes: file.clean() }
  return Option.some<DecodedLogo>({ width: file.width, height: file.height, image, opacity: null })
})

/** Standalone CMYK files have 0 for full ink, PDF has 1 (ISO 32000-1 §8.6.4.4). */
const inverted = [1, 0, 1, 0, 1, 0, 1, 0]

const add = (
  document: PDFContext,
  logo: DecodedLogo,
  { bytes, colours, filter }: Picture,
  opacity?: PDFRef
) =>
  document.register(document.stream(bytes, {
    Type: "XObject",
    Subtype: "Image",
    BitsPerComponent: 8,
    Width: logo.width,
    Height: logo.height,
    ColorSpace: colours,
    SMask: opacity,
    Decode: colours === "DeviceCMYK" ? inverted : undefined,
    Filter: filter
  }))

/** Puts a logo into a document. */
export const embedLogo = (document: PDFContext, logo: DecodedLogo): PDFRef =>
  add(document, logo, logo.image, logo.opacity === null ? undefined : add(document, logo, logo.opacity))

/** What a logo weighs in every document that shows it, in bytes. */
export const logoWeight = ({ image, opacity }: DecodedLogo): number =>
  image.bytes.length + (opacity?.bytes.length ?? 0)
