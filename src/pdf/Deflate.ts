/** How the streams of a PDF are compressed. */
import { deflateSync } from "node:zlib"

const encoder = new TextEncoder()

/** For `FlateDecode`; less effort than zlib's own choice, since a ticket is written more often than it is sent far. */
export const compress = (stream: string | Uint8Array): Uint8Array =>
  deflateSync(typeof stream === "string" ? encoder.encode(stream) : stream, { level: 2 })
