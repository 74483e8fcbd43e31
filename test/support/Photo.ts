/** A page as a telephone sees it on a table: turned, leaning, blurred, badly lit, noisy, and a JPEG. */
import Jpeg from "jpeg-js"
import type { Grey } from "./QrOnPaper.ts"

/** How the photo is taken; the same seed gives the same bytes. */
export interface Shot {
  readonly seed: number
  /** Degrees. */
  readonly turn: number
  /** Share of its height by which the page's top leans to a side. */
  readonly lean: number
  /** Standard deviation of the blur, in pixels. */
  readonly blur: number
  /** Standard deviation of the noise, in levels of grey of 255. */
  readonly noise: number
  /** What is left of the light in the darkest corner, 0 to 1. */
  readonly shade: number
  /** Of the JPEG, 1 to 100. */
  readonly quality: number
}

/** Levels of grey: the table around the page, black ink and white paper in the best light. */
const level = { table: 120, black: 28, white: 228 } as const

/** Numbers from 0 to 1 (mulberry32). */
const randomFrom = (seed: number) => {
  let state = seed >>> 0
  return (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/** Sums of three uniform numbers: near enough to normal ones, of deviation 1. */
const noiseFrom = (seed: number) => {
  const random = randomFrom(seed)
  return (): number => (random() + random() + random() - 1.5) * 2
}

/** Lines of pixels `step` apart, each `count` long, the next beginning `between` further. */
interface Lines {
  readonly lines: number
  readonly between: number
  readonly count: number
  readonly step: number
}

const blurAlong = (pixels: Float32Array, of: Lines, deviation: number): Float32Array => {
  const reach = Math.ceil(deviation * 2.5)
  const weights = Float32Array.from(
    { length: 2 * reach + 1 },
    (_, at) => Math.exp(-((at - reach) ** 2) / (2 * deviation ** 2))
  )
  const sum = weights.reduce((one, other) => one + other, 0)
  const blurred = new Float32Array(pixels.length)
  for (let line = 0; line < of.lines; line++) {
    const first = line * of.between
    for (let at = 0; at < of.count; at++) {
      let value = 0
      for (let tap = 0; tap < weights.length; tap++) {
        const near = Math.min(Math.max(at + tap - reach, 0), of.count - 1)
        value += weights[tap]! * pixels[first + near * of.step]!
      }
      blurred[first + at * of.step] = value / sum
    }
  }
  return blurred
}

const blur = ({ height, pixels, width }: Grey, deviation: number): Float32Array => {
  const rows = { lines: height, between: width, count: width, step: 1 }
  const columns = { lines: width, between: 1, count: height, step: width }
  return blurAlong(blurAlong(Float32Array.from(pixels), rows, deviation), columns, deviation)
}

/** The light that comes from a place of the page, from between its four pixels. */
const seenAt = ({ height, width }: Grey, blurred: Float32Array, x: number, y: number): number => {
  const [left, top] = [Math.floor(x), Math.floor(y)]
  if (left < 0 || top < 0 || left + 1 >= width || top + 1 >= height) return level.table
  const [right, down] = [x - left, y - top]
  const at = top * width + left
  const above = blurred[at]! * (1 - right) + blurred[at + 1]! * right
  const below = blurred[at + width]! * (1 - right) + blurred[at + width + 1]! * right
  return level.black + (above * (1 - down) + below * down) / 255 * (level.white - level.black)
}

/** A photo of a page that fills it from edge to edge, in the page's own pixels, as a JPEG. */
export const photograph = (page: Grey, shot: Shot): Uint8Array => {
  const { height, width } = page
  const blurred = blur(page, shot.blur)
  const noise = noiseFrom(shot.seed)
  const [cos, sin] = [Math.cos(shot.turn * Math.PI / 180), Math.sin(shot.turn * Math.PI / 180)]
  const farthest = Math.hypot(width, height)
  const data = new Uint8ClampedArray(width * height * 4)
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++, at += 4) {
      const [right, down] = [x - width / 2, y - height / 2]
      const v = right * sin + down * cos
      const u = right * cos - down * sin + v * shot.lean
      const light = 1 - (1 - shot.shade) * Math.hypot(x, y) / farthest
      const value = seenAt(page, blurred, u + width / 2, v + height / 2) * light + noise() * shot.noise
      data[at] = value
      data[at + 1] = value
      data[at + 2] = value
      data[at + 3] = 255
    }
  }
  return Jpeg.encode({ data, width, height }, shot.quality).data
}
