/**
 * What an organiser chose is on the ticket: colour always, logo when the job asks for it, terms. Guards whose removal
 * turns this file red: `includeLogo`, the shelf of logos and its version, the missing file, the papers on the wire.
 */
import { NodeFileSystem } from "@effect/platform-node"
import { assert, layer } from "@effect/vitest"
import { createHash } from "node:crypto"
import { DateTime, Effect, Layer, Redacted, Schema } from "effect"
import { FileLinks } from "../../../src/files/FileLinks.ts"
import { FileStore } from "../../../src/files/FileStore.ts"
import { LogoDecoder } from "../../../src/images/LogoDecoder.ts"
import { Fonts } from "../../../src/print/pdf/Fonts.ts"
import { type Paper, type PrintDetail, PrintDetails } from "../../../rpc/PrintDetails.ts"
import { QrImage } from "../../../src/print/qr/QrImage.ts"
import { qrMatrix } from "../../../src/print/qr/QrMatrix.ts"
import { TicketRenderer } from "../../../src/services/generator/TicketRenderer.ts"
import { checkStructure, has, textOf } from "../../support/PdfTools.ts"
import { options, ticketOf } from "./GeneratorFixture.ts"

const Env = TicketRenderer.layer.pipe(
  Layer.provide([Fonts.layer, LogoDecoder.layerHere]),
  Layer.provide(NodeFileSystem.layer),
  Layer.provide(
    FileLinks.layer({ baseUrl: "https://guichet.example", secret: Redacted.make("a-secret-of-tests") })
  ),
  Layer.provideMerge(FileStore.layerMemory)
)

const paper: Paper = { terms: null, accent: null, logo: null }

const detailOf = (id: number, more: Partial<Paper>): PrintDetail => ({
  id,
  ticket_type: "VIP",
  seat: null,
  locale: "fr",
  timezone: "Europe/Paris",
  organizer: "Kapoun",
  issued_at: DateTime.makeUnsafe("2025-06-01T00:00:00Z"),
  paper: { ...paper, ...more }
})

const rendered = Effect.fnUntraced(function* (id: number, more: Partial<Paper>, includeLogo = true) {
  const renderer = yield* TicketRenderer
  const printable = { ticket: ticketOf(id), detail: detailOf(id, more) }
  const [report] = yield* renderer.render([printable], { ...options, includeLogo })
  assert.strictEqual(report?.status, "generated", JSON.stringify(report))
  const { bytes } = yield* (yield* FileStore).get(`tickets/1/${id}.pdf`)
  return { bytes, images: Buffer.from(bytes).toString("latin1").split("/Subtype /Image").length - 1 }
})

/** Stores a picture of this text, and answers its version. */
const put = Effect.fnUntraced(function* (key: string, text: string) {
  const bytes = QrImage.png(qrMatrix(text), "small")
  yield* (yield* FileStore).put(key, bytes, "image/png")
  return createHash("sha256").update(bytes).digest("hex")
})

layer(Env)("a rendered ticket", (it) => {
  it.effect.skipIf(!has("pdftotext", "qpdf"))(
    "bears the terms of its organiser",
    () =>
      Effect.gen(function* () {
        const { bytes } = yield* rendered(1, { terms: "Ni repris\nni échangé" })
        checkStructure(bytes)
        const text = textOf(bytes)
        assert.include(text, "Ni repris")
        assert.include(text, "ni échangé")
      })
  )

  it.effect("bears the logo when its job asks for it, and no other time", () =>
    Effect.gen(function* () {
      const logo = { key: "logos/a/1.png", version: "1" }
      yield* put(logo.key, "one")
      assert.strictEqual((yield* rendered(2, { logo })).images, 1)
      assert.strictEqual((yield* rendered(3, { logo }, false)).images, 0)
      assert.strictEqual((yield* rendered(4, {})).images, 0)
    }))

  it.effect("reads a logo once, and again when it is another picture", () =>
    Effect.gen(function* () {
      const files = yield* FileStore
      const key = "logos/b/1.png"
      const one = { key, version: yield* put(key, "one") }
      const first = yield* rendered(5, { logo: one })
      const two = { key, version: yield* put(key, "two, longer") }
      assert.deepStrictEqual((yield* rendered(5, { logo: one })).bytes, first.bytes)
      const second = yield* rendered(5, { logo: two })
      assert.notDeepEqual(second.bytes, first.bytes)
      yield* files.remove(key)
      assert.deepStrictEqual((yield* rendered(5, { logo: two })).bytes, second.bytes)
    }))

  it.effect("does not take the picture that came after for its own", () =>
    Effect.gen(function* () {
      const key = "logos/d/1.png"
      const one = { key, version: yield* put(key, "one") }
      yield* put(key, "two, longer")
      const early = yield* rendered(8, { logo: one })
      yield* put(key, "one")
      assert.notDeepEqual((yield* rendered(8, { logo: one })).bytes, early.bytes)
    }))

  it.effect("comes without a logo that its owner has taken away", () =>
    Effect.gen(function* () {
      const gone = yield* rendered(6, { logo: { key: "logos/c/1.png", version: "1" } })
      assert.strictEqual(gone.images, 0)
    }))

  it.effect("comes without a logo that cannot be drawn", () =>
    Effect.gen(function* () {
      const files = yield* FileStore
      yield* files.put("logos/e/1.png", QrImage.png(qrMatrix("cut"), "small").slice(0, -1), "image/png")
      assert.strictEqual((yield* rendered(9, { logo: { key: "logos/e/1.png", version: "1" } })).images, 0)
    }))

  it.effect("has its colour whatever the job says of logos", () =>
    Effect.gen(function* () {
      const plain = yield* rendered(7, {}, false)
      const red = yield* rendered(7, { accent: "#aa0000" }, false)
      assert.notDeepEqual(red.bytes, plain.bytes)
    }))

  it.effect("is asked for with its paper, which travels once for all tickets of it", () =>
    Effect.gen(function* () {
      const shared = { ...paper, terms: "x".repeat(2_000), accent: "#aa0000" }
      const { paper: _, ...bare } = detailOf(3, {})
      const tickets = [{ ...detailOf(1, {}), paper: shared }, { ...detailOf(2, {}), paper: shared }, bare]
      const wire = yield* Schema.encodeEffect(PrintDetails)({ tickets })
      assert.lengthOf(wire.papers ?? [], 1)
      assert.isBelow(JSON.stringify(wire).length, 3_000)
      assert.deepStrictEqual(yield* Schema.decodeUnknownEffect(PrintDetails)(wire), { tickets })
    }))
})
