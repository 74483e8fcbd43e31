/** Headless Chromium with a camera that shows what a test draws; tests say so on one line where there is none. */
import { Effect, type Scope } from "effect"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import process from "node:process"
import { type Browser, chromium } from "playwright-core"
import { qrMatrix, quietZone } from "../../src/print/qr/QrMatrix.ts"

/** Where Chromium is, if it is here. */
export const executable: string | undefined = [
  process.env.CHROMIUM_PATH ?? "",
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome"
].find((path) => path !== "" && Fs.existsSync(path))

if (executable === undefined) process.stdout.write("skipped: Chromium is not installed\n")

const picture = { width: 640, height: 480 }

/** A QR code in a picture: its middle, its edge in pixels, how far it is turned, and how blurred it is. */
export interface Shown {
  readonly text: string
  readonly x?: number
  readonly y?: number
  readonly edge?: number
  readonly degrees?: number
  readonly blur?: number
}

const draw = (pixels: Uint8Array, { blur = 0, degrees = 0, edge = 300, text, x = 320, y = 240 }: Shown) => {
  const matrix = qrMatrix(text)
  const side = matrix.size + 2 * quietZone
  const [cos, sin] = [Math.cos(degrees * Math.PI / 180), Math.sin(degrees * Math.PI / 180)]
  const shadeAt = (px: number, py: number): number | undefined => {
    const u = ((px - x) * cos + (py - y) * sin) / edge * side + side / 2
    const v = ((py - y) * cos - (px - x) * sin) / edge * side + side / 2
    if (u < 0 || v < 0 || u >= side || v >= side) return undefined
    const [column, row] = [Math.floor(u) - quietZone, Math.floor(v) - quietZone]
    const isDark = column >= 0 && row >= 0 && column < matrix.size && row < matrix.size &&
      matrix.modules[row * matrix.size + column] === 1
    return isDark ? 24 : 235
  }
  for (let py = 0; py < picture.height; py++) {
    for (let px = 0; px < picture.width; px++) {
      let sum = 0
      let count = 0
      for (let dy = -blur; dy <= blur; dy++) {
        for (let dx = -blur; dx <= blur; dx++) {
          const shade = shadeAt(px + dx, py + dy)
          if (shade === undefined) continue
          sum += shade
          count++
        }
      }
      if (count > 0) pixels[py * picture.width + px] = sum / count
    }
  }
}

/** An uncompressed video of one picture, as Chromium takes it for a camera. */
const video = (codes: ReadonlyArray<Shown>): Uint8Array => {
  const luma = new Uint8Array(picture.width * picture.height).fill(120)
  for (const code of codes) draw(luma, code)
  const chroma = new Uint8Array(picture.width * picture.height / 2).fill(128)
  const frame = [Buffer.from("FRAME\n"), luma, chroma]
  return Buffer.concat([
    Buffer.from(`YUV4MPEG2 W${picture.width} H${picture.height} F20:1 Ip A1:1 C420mpeg2\n`),
    ...frame,
    ...frame
  ])
}

/** A browser whose camera shows these codes; it is closed with the scope. */
export const browserSeeing = (codes: ReadonlyArray<Shown>): Effect.Effect<Browser, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(async () => {
      const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "guichet-camera-"))
      const film = Path.join(folder, "camera.y4m")
      Fs.writeFileSync(film, video(codes))
      const browser = await chromium.launch({
        executablePath: executable!,
        args: [
          "--no-sandbox",
          "--disable-gpu",
          "--disable-background-networking",
          "--disable-component-update",
          "--disable-sync",
          "--no-first-run",
          "--use-fake-device-for-media-stream",
          "--use-fake-ui-for-media-stream",
          `--use-file-for-fake-video-capture=${film}`
        ]
      })
      return { browser, folder }
    }),
    ({ browser, folder }) =>
      Effect.promise(async () => {
        await browser.close()
        Fs.rmSync(folder, { recursive: true, force: true })
      })
  ).pipe(Effect.map(({ browser }) => browser))
