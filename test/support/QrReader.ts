/** A reader of QR codes that shares nothing with `zbarimg`: ZXing-C++, compiled to WebAssembly. */
import * as Fs from "node:fs"
import { createRequire } from "node:module"
import { prepareZXingModule, readBarcodes } from "zxing-wasm/reader"

/** From the installed package: by itself it asks a public CDN for its binary. */
const wasm = createRequire(import.meta.url).resolve("zxing-wasm/reader/zxing_reader.wasm")
prepareZXingModule({ overrides: { wasmBinary: new Uint8Array(Fs.readFileSync(wasm)).buffer } })

/** The texts of the QR codes in a PNG, JPEG or PGM file. */
export const codesReadBy = async (image: Uint8Array): Promise<ReadonlyArray<string>> => {
  const found = await readBarcodes(image, { formats: ["QRCode"] })
  return found.filter((code) => code.isValid).map((code) => code.text)
}
