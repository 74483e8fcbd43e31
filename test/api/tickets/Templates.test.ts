/**
 * An organiser dresses his own tickets and nobody else's. Guards whose removal turns this file red: the owner of a style,
 * the roles, the look at a logo, its weight, the place of its own that a logo has, the sweep and its hour, the fonts' word on terms, the owner of the event.
 */
import { assert, layer } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { createHash } from "node:crypto"
import { readdirSync } from "node:fs"
import { crc32, deflateSync } from "node:zlib"
import jpeg from "jpeg-js"
import { FileStore } from "../../../src/files/FileStore.ts"
import { TicketDesign } from "../../../src/print/tickets/TicketTemplates.ts"
import { PrintStore } from "../../../src/store/tickets/PrintStore.ts"
import { QrImage } from "../../../src/print/qr/QrImage.ts"
import { qrMatrix } from "../../../src/print/qr/QrMatrix.ts"
import { EventStore } from "../../../src/store/EventStore.ts"
import { TicketStore } from "../../../src/store/tickets/TicketStore.ts"
import { TokenStore } from "../../../src/store/TokenStore.ts"
import { sweepLogos } from "../../../src/tickets/LogoSweep.ts"
import { eventData } from "../../support/GateFixture.ts"
import * as TestAppLayer from "../../support/TestApp.ts"
import { TestApp } from "../../support/TestApp.ts"

const png = new Uint8Array(QrImage.png(qrMatrix("alice's logo"), "small"))
const jpg = new Uint8Array(
  jpeg.encode({ width: 60, height: 20, data: Buffer.alloc(60 * 20 * 4, 0x80) }, 80).data
)

const tokenOf = Effect.fnUntraced(function* (role: "organizer" | "operator", subject: string) {
  return Redacted.value((yield* (yield* TokenStore).create({ role, subject, owner: subject })).token)
})

/** An event of this owner with one ticket of template 1. */
const ticketOf = Effect.fnUntraced(function* (owner: string, eventId: number) {
  const events = yield* EventStore
  yield* events.publish(eventId, owner, eventData(eventId))
  yield* events.registerGuests(eventId, null, [
    { guest_id: 1, name: "Ana", email: "ana@example.com", ticket_type: "VIP" }
  ])
  const [id = 0] = yield* (yield* TicketStore).issue({
    eventId,
    flowId: null,
    templateId: 1,
    guestIds: [1],
    paymentState: "free"
  })
  return id
})

const paperOf = Effect.fnUntraced(function* (ticketId: number) {
  const [detail] = yield* (yield* PrintStore).details([ticketId])
  return detail?.paper
})

/** An hour later, the sweep has been. */
const sweptLater = Effect.gen(function* () {
  yield* (yield* SqlClient.SqlClient)`UPDATE spare_logos SET since = since - interval '61 minutes'`
  yield* sweepLogos
})

const upload = Effect.fnUntraced(function* (token: string, bytes: Uint8Array, type: string, id = 1) {
  const app = yield* TestApp
  const response = yield* app.fetch(`/api/templates/${id}/logo`, {
    method: "PUT",
    headers: { authorization: `Bearer ${token}`, "content-type": type },
    body: new Blob([new Uint8Array(bytes)], { type })
  })
  const text = yield* Effect.promise(() => response.text())
  return { status: response.status, json: text.startsWith("{") ? JSON.parse(text) : undefined }
})

const bitsOfNoise = (length: number): Buffer =>
  Buffer.from(Uint8Array.from({ length }, (_, at) => Math.imul(at + 1, 2_654_435_761) >>> 13))

/** Larger than a logo may be. */
const large = new Uint8Array(
  jpeg.encode({ width: 400, height: 400, data: bitsOfNoise(400 * 400 * 4) }, 100).data
)

const chunk = (type: string, data: Uint8Array): Buffer => {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data])
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32BE(data.length)
  sum.writeUInt32BE(crc32(body))
  return Buffer.concat([length, body, sum])
}

/** A PNG of one bit a pixel that is small enough as a file, and too heavy once it is in a document. */
const heavy = (): Uint8Array => {
  const [width, height] = [1_200, 1_400]
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([1, 0, 0, 0, 0], 8)
  const rows = bitsOfNoise((width / 8 + 1) * height)
  for (let row = 0; row < height; row++) rows[row * (width / 8 + 1)] = 0
  return new Uint8Array(Buffer.concat([
    Buffer.from("89504e470d0a1a0a", "hex"),
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(rows)),
    chunk("IEND", new Uint8Array())
  ]))
}

layer(TestAppLayer.layer, { excludeTestServices: true })("a template", (it) => {
  it.effect("is the same for all, and dressed by each organiser for himself", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      const bob = yield* tokenOf("organizer", "bob")
      const [hers, his] = [yield* ticketOf("alice", 11), yield* ticketOf("bob", 12)]
      const list = yield* app.ask("/api/templates", { token: app.organizer })
      assert.deepStrictEqual(
        list.json.templates.map((one: { design: string }) => one.design),
        [...TicketDesign.literals],
        "a template of each design: a new design needs a migration that inserts its template"
      )
      const set = yield* app.ask("/api/templates/1/style", {
        method: "PUT",
        token: app.organizer,
        body: { accent: "#AA0000" }
      })
      assert.strictEqual(set.status, 200, set.text)
      assert.deepInclude(set.json, { accent: "#aa0000", default_accent: "#3b2ad9", logo_url: null })
      assert.strictEqual((yield* app.ask("/api/templates/1", { token: bob })).json.accent, "#3b2ad9")
      assert.strictEqual(
        (yield* app.ask("/api/templates/2", { token: app.organizer })).json.accent,
        "#7a1f2b"
      )
      assert.deepStrictEqual(yield* paperOf(hers), { terms: null, accent: "#aa0000", logo: null })
      assert.deepStrictEqual(yield* paperOf(his), { terms: null, accent: null, logo: null })
      const back = yield* app.ask("/api/templates/1/style", {
        method: "PUT",
        token: app.organizer,
        body: { accent: null }
      })
      assert.strictEqual(back.json.accent, "#3b2ad9")
    }))

  it.effect("takes a logo, shows it by a link, replaces it and gives it up", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      const files = yield* FileStore
      const ticket = yield* ticketOf("alice", 13)
      const first = yield* upload(app.organizer, png, "image/png")
      assert.strictEqual(first.status, 200, JSON.stringify(first.json))
      const one = (yield* paperOf(ticket))?.logo
      assert.isNotNull(one)
      assert.deepStrictEqual(new Uint8Array((yield* files.get(one!.key)).bytes), png)
      const link = new URL(first.json.logo_url)
      const shown = yield* app.ask(`${link.pathname}${link.search}`)
      assert.strictEqual(shown.status, 200)
      assert.strictEqual(shown.headers.get("content-type"), "image/png")

      assert.strictEqual((yield* upload(app.organizer, jpg, "image/jpeg")).status, 200)
      const two = (yield* paperOf(ticket))?.logo
      assert.notStrictEqual(two!.version, one!.version)
      yield* sweptLater
      assert.isFalse(yield* files.exists(one!.key))
      assert.isTrue(yield* files.exists(two!.key))

      const bob = yield* tokenOf("organizer", "bob")
      yield* app.ask("/api/templates/1/logo", { method: "DELETE", token: bob })
      assert.isTrue(yield* files.exists(two!.key))
      const removed = yield* app.ask("/api/templates/1/logo", { method: "DELETE", token: app.organizer })
      assert.strictEqual(removed.json.logo_url, null)
      assert.isNull((yield* paperOf(ticket))?.logo)
      yield* sweepLogos
      assert.isTrue(yield* files.exists(two!.key), "a chunk that has begun still prints it")
      yield* sweptLater
      assert.isFalse(yield* files.exists(two!.key))
    }))

  it.effect("has the file of its logo, whoever sets, replaces, removes and sweeps it at the same time", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      const files = yield* FileStore
      const ticket = yield* ticketOf("alice", 15)
      const remove = app.ask("/api/templates/1/logo", { method: "DELETE", token: app.organizer })
      const put = (bytes: Uint8Array, type: string) => upload(app.organizer, bytes, type)
      for (let round = 0; round < 8; round++) {
        const answers = yield* Effect.all([
          put(png, "image/png"),
          remove,
          put(jpg, "image/jpeg"),
          sweptLater.pipe(Effect.as({ status: 200 })),
          put(png, "image/png"),
          remove,
          put(png, "image/png")
        ], { concurrency: "unbounded" })
        for (const { status } of answers) assert.oneOf(status, [200, 503])
        const logo = (yield* paperOf(ticket))?.logo ?? null
        if (logo === null) continue
        assert.isTrue(yield* files.exists(logo.key))
        const { bytes } = yield* files.get(logo.key)
        assert.strictEqual(createHash("sha256").update(bytes).digest("hex"), logo.version)
      }
      assert.strictEqual((yield* put(png, "image/png")).status, 200)
      yield* sweptLater
      const { key } = (yield* paperOf(ticket))!.logo!
      const folder = `${app.directory}/files/${key.slice(0, key.lastIndexOf("/"))}`
      assert.deepStrictEqual(readdirSync(folder), [key.slice(key.lastIndexOf("/") + 1)])
    }))

  it.effect("refuses what is no logo, and who is no organiser", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      const bob = yield* tokenOf("organizer", "bob")
      const steward = yield* tokenOf("operator", "sam")
      const bad = [
        new TextEncoder().encode("<svg onload=alert(1)>".repeat(10)),
        png.slice(0, -1),
        new Uint8Array(deflateSync(new Uint8Array(5_000))),
        large,
        heavy()
      ]
      for (const bytes of bad) {
        const answer = yield* upload(bob, bytes, "image/png")
        assert.strictEqual(answer.status, 422, JSON.stringify(answer.json))
      }
      const drawing = yield* upload(bob, png, "image/svg+xml")
      assert.strictEqual(drawing.status, 415)
      assert.include(drawing.json.detail, "image/png or image/jpeg")
      assert.strictEqual((yield* upload(bob, png, "image/png", 99)).status, 404)
      assert.strictEqual((yield* upload(steward, png, "image/png")).status, 403)
      assert.strictEqual((yield* app.ask("/api/templates", { token: steward })).status, 403)
      assert.strictEqual((yield* app.ask("/api/templates/99", { token: bob })).status, 404)
      for (const accent of ["red", "#12345", "#1234567", "url(x)"]) {
        const answer = yield* app.ask("/api/templates/1/style", {
          method: "PUT",
          token: bob,
          body: { accent }
        })
        assert.strictEqual(answer.status, 422)
        assert.strictEqual(answer.json.errors[0].pointer, "/accent")
      }
      assert.isNull((yield* app.ask("/api/templates/1", { token: bob })).json.logo_url)
    }))
})

layer(TestAppLayer.layer, { excludeTestServices: true })("an organiser's terms", (it) => {
  const put = Effect.fnUntraced(function* (token: string, body: object, eventId = 14) {
    return yield* (yield* TestApp).ask(`/api/events/${eventId}/terms`, { method: "PUT", token, body })
  })

  it.effect("are on the tickets of the event, and stay when it is published again", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      const ticket = yield* ticketOf("alice", 14)
      const body = { terms: "Ni repris\nni échangé", organizer: "Association Şirin" }
      const answer = yield* put(app.organizer, body)
      assert.strictEqual(answer.status, 200, answer.text)
      assert.deepStrictEqual(answer.json, body)
      yield* (yield* EventStore).publish(14, "alice", eventData(14, { title: "Autrement" }))
      const [detail] = yield* (yield* PrintStore).details([ticket])
      assert.strictEqual(detail?.paper?.terms, body.terms)
      assert.strictEqual(detail?.organizer, body.organizer)
      assert.deepStrictEqual((yield* app.ask("/api/events/14/terms", { token: app.organizer })).json, body)
      assert.deepStrictEqual((yield* put(app.organizer, { terms: "  " })).json, {
        terms: null,
        organizer: null
      })
    }))

  it.effect("are refused when no ticket could bear them, and to others", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      yield* ticketOf("alice", 14)
      const bob = yield* tokenOf("organizer", "bob")
      assert.strictEqual((yield* put(bob, { terms: "x" })).status, 404)
      assert.strictEqual((yield* app.ask("/api/events/14/terms", { token: bob })).status, 404)
      assert.strictEqual((yield* put(app.organizer, { terms: "x" }, 999)).status, 404)
      const unwritable = yield* put(app.organizer, { terms: "票 \ue000", organizer: "\u4dae" })
      assert.strictEqual(unwritable.status, 422)
      assert.deepStrictEqual(
        unwritable.json.errors.map((error: { pointer: string }) => error.pointer),
        ["/terms", "/organizer"]
      )
      assert.include(unwritable.text, "U+E000")
      for (const terms of ["x".repeat(2_001), "a\u0000b", 7]) {
        assert.strictEqual((yield* put(app.organizer, { terms })).status, 422)
      }
    }))
})
