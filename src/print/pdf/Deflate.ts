/** How the streams of a PDF are compressed. */
import { deflateSync } from "node:zlib"

const encoder = new TextEncoder()

/** A quick one has a window of 8 KiB, which a page seldom exceeds: zlib clears and frees a quarter of the memory. */
const efforts = {
  quick: { level: 2, windowBits: 13, memLevel: 6, chunkSize: 8 * 1024 },
  thorough: { level: 9 }
}

/** For `FlateDecode`; quickly, since a ticket is written more often than it is sent far, unless many documents share it. */
export const compress = (
  stream: string | Uint8Array,
  effort: "quick" | "thorough" = "quick"
): Uint8Array => deflateSync(typeof stream === "string" ? encoder.encode(stream) : stream, efforts[effort])
