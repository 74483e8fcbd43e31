/**
 * The fonts beside our own, read when a text first needs them. Drawing never waits: a page that needs a font which is
 * not read yet says so, the font is read, and the page is drawn again.
 */
import { create } from "@cantoo/fontkit"
import { createRequire } from "node:module"
import * as Effect from "effect/Effect"
import type * as FileSystem from "effect/FileSystem"
import * as Schema from "effect/Schema"
import * as Semaphore from "effect/Semaphore"
import type { FontPack } from "../text/FontPacks.ts"
import type { FindFont } from "../text/TextRuns.ts"
import type { FallbackFont, Weight } from "../text/Typeface.ts"
import { ShapedFont } from "./ShapedFont.ts"
import { SlicedFont, slicesOf } from "./SlicedFont.ts"

const require = createRequire(import.meta.url)

const Ranges = Schema.fromJsonString(Schema.Record(Schema.String, Schema.String))
const decodeRanges = Schema.decodeUnknownEffect(Ranges)

/** A text needs few fonts, and of a sliced one few files: more rounds than this are a fault of ours. */
const mostRounds = 64

const fileNames: Readonly<Record<Weight, readonly [file: string, title: string]>> = {
  regular: ["400Regular", "Regular"],
  bold: ["700Bold", "Bold"]
}

const pathOf = (file: string) =>
  Effect.try({ try: () => require.resolve(file), catch: () => new FontAbsent({ file }) })

/** A font file that is not installed, or cannot be read. */
class FontAbsent extends Schema.TaggedError<FontAbsent>()("FontAbsent", { file: Schema.String }) {}

/** The fonts of a process that were read so far. */
export class FallbackFonts {
  private readonly fs: FileSystem.FileSystem
  private readonly turn = Semaphore.makeUnsafe(1)
  /** Null for a font that cannot be read. */
  private readonly fonts = new Map<string, FallbackFont | null>()
  private wanted = new Map<string, Effect.Effect<void>>()
  /** Counts what was asked for in vain: what was drawn meanwhile is not kept. */
  asked = 0

  constructor(fs: FileSystem.FileSystem) {
    this.fs = fs
  }

  /** The fonts of a weight; see `FindFont`. */
  finder(weight: Weight): FindFont {
    return (pack, codePoint) => {
      const name = pack.bold ? weight : "regular"
      const key = `${pack.key}-${name}`
      const font = this.fonts.get(key)
      if (font === undefined) return this.want(key, this.load(pack, key, name))
      if (!(font instanceof SlicedFont)) return font
      const [slice] = font.unread(codePoint)
      return slice === undefined ? font : this.want(`${key} ${slice}`, this.loadSlice(pack, font, slice))
    }
  }

  /** Draws, and draws again as long as a font is to be read for it. */
  complete<A>(draw: () => A): Effect.Effect<A> {
    return Effect.suspend(() => {
      const { asked } = this
      const drawn = draw()
      return asked === this.asked ? Effect.succeed(drawn) : this.completeLater(draw)
    })
  }

  private completeLater<A>(draw: () => A): Effect.Effect<A> {
    return Effect.gen({ self: this }, function* () {
      for (let round = 0; round < mostRounds; round++) {
        const loading = [...this.wanted.values()]
        this.wanted = new Map()
        yield* this.turn.withPermit(Effect.forEach(loading, (load) => load, { discard: true }))
        const { asked } = this
        const drawn = draw()
        if (asked === this.asked) return drawn
      }
      return yield* Effect.die(new Error(`A page was not drawn in ${mostRounds} rounds`))
    })
  }

  private want(key: string, load: Effect.Effect<void>): undefined {
    this.asked++
    this.wanted.set(key, load)
    return undefined
  }

  private readonly read = (file: string) =>
    Effect.flatMap(pathOf(file), (path) => this.fs.readFile(path)).pipe(
      Effect.mapError(() => new FontAbsent({ file }))
    )

  private load(pack: FontPack, key: string, weight: Weight): Effect.Effect<void> {
    const [folder, title] = fileNames[weight]
    const name = `${pack.file}-${title}`
    const whole: Effect.Effect<FallbackFont, FontAbsent> = Effect.gen({ self: this }, function* () {
      const bytes = yield* this.read(`${pack.package}/${folder}/${pack.file}_${folder}.ttf`)
      const shaper = yield* Effect.promise(() => import("harfbuzzjs"))
      return new ShapedFont(shaper, key, weight, name, bytes)
    })
    const sliced: Effect.Effect<FallbackFont, FontAbsent> = Effect.gen({ self: this }, function* () {
      const file = `${pack.package}/unicode.json`
      const ranges = yield* decodeRanges(new TextDecoder().decode(yield* this.read(file))).pipe(
        Effect.mapError(() => new FontAbsent({ file }))
      )
      return new SlicedFont(key, weight, name, slicesOf(ranges))
    })
    return Effect.suspend((): Effect.Effect<void> => {
      if (this.fonts.has(key)) return Effect.void
      return Effect.matchCauseEffect(pack.kind === "whole" ? whole : sliced, {
        onSuccess: (font) => Effect.sync(() => void this.fonts.set(key, font)),
        onFailure: (cause) => {
          this.fonts.set(key, null)
          return Effect.logError(
            `The font ${name} cannot be read: its characters are printed as boxes`,
            cause
          )
        }
      })
    })
  }

  private loadSlice(pack: FontPack, font: SlicedFont, slice: string): Effect.Effect<void> {
    const base = pack.package.slice(pack.package.indexOf("/") + 1)
    const file = `${pack.package}/files/${base}-${slice}-wght-normal.woff2`
    return Effect.gen({ self: this }, function* () {
      const read = create(yield* this.read(file))
      if (!("getVariation" in read)) return yield* new FontAbsent({ file })
      font.add(slice, read)
    }).pipe(
      Effect.catchCause((cause) => {
        font.leave(slice)
        return Effect.logError(
          `The font file ${file} cannot be read: its characters are printed as boxes`,
          cause
        )
      })
    )
  }
}
