/** PNG files made by hand (RFC 2083). */
import { crc32, deflateSync } from "node:zlib"

/** A number as a file has it. */
export const bytes32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** A chunk with its checksum. */
export const chunk = (type: string, data: Uint8Array): Buffer => {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data])
  return Buffer.concat([bytes32(data.length), body, bytes32(crc32(body))])
}

/** What a header says. */
export interface Header {
  readonly width: number
  readonly height: number
  readonly depth: number
  readonly colourType: number
  readonly interlace: number
}

/** The first chunk: eight pixels square, of three channels. */
export const header = (
  { colourType = 2, depth = 8, height = 8, interlace = 0, width = 8 }: Partial<Header>
) =>
  chunk(
    "IHDR",
    Buffer.concat([bytes32(width), bytes32(height), Buffer.from([depth, colourType, 0, 0, interlace])])
  )

/** Eight pixels square, white, with these chunks before and after its pixels. */
export const pngOf = (
  {
    after = [],
    before = [],
    header: change = {},
    pixels = Buffer.from(`00${"ff".repeat(24)}`.repeat(8), "hex")
  }: {
    readonly header?: Partial<Header>
    readonly before?: ReadonlyArray<Uint8Array>
    readonly after?: ReadonlyArray<Uint8Array>
    readonly pixels?: Uint8Array
  }
) =>
  new Uint8Array(Buffer.concat([
    Buffer.from("89504e470d0a1a0a", "hex"),
    header(change),
    ...before,
    chunk("IDAT", deflateSync(pixels)),
    ...after,
    chunk("IEND", new Uint8Array())
  ]))
