/**
 * Logos and documents are made on threads, and this one stays free. Guards whose removal turns this file red: the threads
 * themselves, the bound on what is asked of them at once.
 */
import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import { DocumentPrinter } from "../../src/images/DocumentPrinter.ts"
import { LogoDecoder } from "../../src/images/LogoDecoder.ts"
import * as Platform from "../../src/Platform.ts"
import { Fonts } from "../../src/print/pdf/Fonts.ts"
import { decodeLogo } from "../../src/print/pdf/Logo.ts"
import { SigningKeys } from "../../src/trust/SigningKeys.ts"
import { pngOf } from "../support/Pngs.ts"
import { sampleTicket } from "../support/SampleTicket.ts"
import { longestHold } from "../support/LoopHolds.ts"

/** As many pixels as a logo may have, each of four channels. */
const largest = () => {
  const [width, height] = [2_000, 1_000]
  const row = Buffer.alloc(width * 4 + 1, 0x80)
  row[0] = 0
  const pixels = Buffer.concat(Array.from({ length: height }, () => row))
  return pngOf({ header: { width, height, colourType: 6 }, pixels })
}

const program = (name: string) => new URL(`../../src/images/${name}.ts`, import.meta.url)
const on = (name: string) => Platform.threads(program(name), { LOG_LEVEL: "error" })

describe("a logo", () => {
  it.live(
    "is decoded on a thread as it would be here, while this one goes on",
    () =>
      Effect.gen(function* () {
        const decoder = yield* LogoDecoder
        const file = largest()
        yield* decoder.decode(pngOf({}))
        const { hold, value } = yield* longestHold(decoder.decode(file))
        assert.isBelow(hold, 50)
        assert.deepStrictEqual(value, yield* decodeLogo(file))
        assert.isTrue(Option.isNone(yield* decoder.decode(file.slice(0, -1))))
      }).pipe(Effect.provide(LogoDecoder.layerThreads(on("LogoThread")))),
    60_000
  )
})

describe("a document", () => {
  it.live("is drawn on a thread as it would be here, while this one goes on", () =>
    Effect.gen(function* () {
      const printer = yield* DocumentPrinter
      const logo = Option.getOrThrow(yield* decodeLogo(pngOf({})))
      const tickets = yield* Effect.forEach(
        Array.from({ length: 500 }, (_, at) => at),
        (at) => sampleTicket({ guestName: `Guest ${at}`, logo })
      )
      yield* printer.print(tickets.slice(0, 1))
      const { hold, value } = yield* longestHold(printer.print(tickets))
      assert.isBelow(hold, 50)
      assert.strictEqual(Buffer.from(value).toString("latin1").split("/Subtype /Image").length - 1, 1)
      const here = yield* Effect.provide(
        Effect.flatMap(DocumentPrinter, (other) => other.print(tickets.slice(0, 3))),
        DocumentPrinter.layerHere.pipe(Layer.provide(Fonts.layer), Layer.provide(NodeFileSystem.layer))
      )
      assert.deepStrictEqual(Buffer.from(yield* printer.print(tickets.slice(0, 3))), Buffer.from(here))
      const [first] = tickets
      const unprintable = yield* Effect.flip(printer.print([{ ...first!, qrData: "" }]))
      assert.strictEqual(unprintable._tag, "TicketUnprintable")
    }).pipe(
      Effect.provide([DocumentPrinter.layerThreads(on("DocumentThread"), 1), SigningKeys.layerMemory])
    ), 120_000)
})
