/**
 * A guest's page says what the ticket is good for, and shows the QR code as long as that opens a gate; whatever a name
 * or a title holds stays text; a link opens its own ticket with its present code and nothing else.
 * Guards: the proof of a link, its code in the proof, the escaping of text, the order of the states.
 */
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Effect, Layer, Redacted } from "effect"
import fc from "fast-check"
import { HttpServerResponse } from "effect/http"
import { idOf, TicketLinks } from "../../src/files/TicketLinks.ts"
import { PageAssets } from "../../src/pages/PageAssets.ts"
import { stateOf, ticketPage } from "../../src/pages/TicketPage.ts"
import type { TicketPageRow } from "../../src/store/tickets/TicketPageStore.ts"
import * as Platform from "../../src/Platform.ts"
import * as TestApp from "../support/TestApp.ts"

const at = (text: string) => DateTime.makeUnsafe(text)

const begins = at("2027-05-01T18:00:00Z")
const now = DateTime.toEpochMillis(begins) - 3_600_000

const ticket: TicketPageRow = {
  ticket_id: 7,
  event_id: 1,
  code: "TKT-001-0123456789ABCDEF",
  status: "issued",
  payment_state: "paid",
  ticket_type: "Standard",
  seat: "B 12",
  qr_data: `{"id":7}`,
  file_key: null,
  file_url: null,
  first_admitted_at: null,
  first_gate: null,
  guest_name: "Zoë Martin",
  locale: "en",
  title: "Concert",
  event_status: "active",
  starts_at: begins,
  doors_open_at: at("2027-05-01T17:00:00Z"),
  doors_close_at: null,
  timezone: "Europe/Paris",
  location: "Paris",
  organizer: "Les Amis"
}

const textOf = (row: TicketPageRow) =>
  HttpServerResponse.toWeb(
    ticketPage(row, { pdf: "https://x.test/a?b=1&c=2", calendar: "/t/7.x/event.ics" }, now, undefined)
  )
    .text()

const states = fc.record({
  status: fc.constantFrom("issued", "admitted", "voided" as const),
  payment_state: fc.constantFrom("paid", "free", "pending", "failed", "refunded" as const),
  event_status: fc.constantFrom("active", "canceled", "completed" as const),
  first_admitted_at: fc.constantFrom(null, at("2027-05-01T17:30:00Z")),
  doors_close_at: fc.constantFrom(null, at("2027-05-01T16:00:00Z"), at("2027-05-02T00:00:00Z")),
  locale: fc.constantFrom("fr", "en" as const)
}) as fc.Arbitrary<Partial<TicketPageRow>>

describe("a guest's page", () => {
  it("shows the QR code exactly while it opens a gate", async () => {
    await fc.assert(
      fc.asyncProperty(states, async (changes) => {
        const row = { ...ticket, ...changes }
        const closes = row.doors_close_at
        const good = row.status !== "voided" && row.event_status === "active" &&
          row.first_admitted_at === null &&
          (row.payment_state === "paid" || row.payment_state === "free") &&
          (closes === null || DateTime.toEpochMillis(closes) >= now)
        const page = await textOf(row)
        assert.strictEqual(stateOf(row, now) === "good", good)
        assert.strictEqual(page.includes("<svg"), good)
        assert.strictEqual(page.includes(row.code), good)
        if (row.status === "voided") assert.notInclude(page, "x.test")
      }),
      { numRuns: 500, seed: 15 }
    )
  })

  it("keeps every text a text", async () => {
    const hostile = fc.oneof(
      fc.string({ unit: "grapheme", maxLength: 60 }),
      fc.constantFrom(
        `"><script>alert(1)</script>`,
        `</title><img src=x onerror=alert(1)>`,
        `' onclick='x`,
        "&lt;b&gt;",
        "\u202Eevil"
      )
    )
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          title: hostile,
          guest_name: hostile,
          location: hostile,
          ticket_type: hostile,
          organizer: hostile
        }),
        async (texts) => {
          const page = await textOf({ ...ticket, ...texts, status: "voided" })
          const tags = page.match(/<[a-z!/][^>]*>/gi) ?? []
          const expected = (await textOf({
            ...ticket,
            title: "t",
            guest_name: "g",
            location: "l",
            ticket_type: "y",
            organizer: "o",
            status: "voided"
          }))
            .match(/<[a-z!/][^>]*>/gi) ?? []
          assert.isAtMost(tags.length, expected.length)
          for (const tag of tags) assert.notMatch(tag, /script|onerror|onclick/i)
        }
      ),
      { numRuns: 300, seed: 16 }
    )
  })
})

const key = Redacted.make("k".repeat(43))
const former = Redacted.make("f".repeat(43))

describe("a link to a ticket's page", () => {
  it("opens its ticket with its code, under the key or the one before, and nothing else", () => {
    const made = (signing: Redacted.Redacted) =>
      Effect.runSync(
        Effect.provide(
          TicketLinks,
          TicketLinks.layer({ baseUrl: "https://x.test/", signing, accepted: [key, former] })
        )
      )
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2 ** 40 }),
        fc.string({ minLength: 1, maxLength: 24 }),
        fc.nat(),
        fc.constantFrom(key, former),
        (ticketId, code, place, signing) => {
          const links = made(signing)
          const address = links.make({ ticketId, code })
          const link = address.slice("https://x.test/t/".length)
          assert.isAtMost(link.length, 34)
          assert.strictEqual(idOf(link), ticketId)
          assert.isTrue(links.opens(link, { ticketId, code }))
          assert.isFalse(links.opens(link, { ticketId, code: `${code}x` }))
          assert.isFalse(links.opens(link, { ticketId: ticketId + 1, code }))
          const at = place % link.length
          const other = `${link.slice(0, at)}${link[at] === "a" ? "b" : "a"}${link.slice(at + 1)}`
          assert.isFalse(links.opens(other, { ticketId, code }))
          assert.isFalse(
            made(Redacted.make("x")).opens(`${link.split(".")[0]}.${"A".repeat(22)}`, { ticketId, code })
          )
        }
      ),
      { seed: 17 }
    )
  })
})

it.layer(TestApp.layer, { excludeTestServices: true })("the pages over HTTP", (it) => {
  it.effect("forged, incomplete and unknown links get the same answer, and every page lets nothing in", () =>
    Effect.gen(function* () {
      const app = yield* TestApp.TestApp
      const closed = []
      for (
        const link of [
          "1.AAAAAAAAAAAAAAAAAAAAAA",
          "zzz.AAAAAAAAAAAAAAAAAAAAAA",
          "1",
          "x".repeat(300),
          "1.%00"
        ]
      ) {
        const { headers, status, text } = yield* app.ask(`/t/${link}`, {
          headers: { "accept-language": "en" }
        })
        assert.strictEqual(status, 404, link)
        assert.include(headers.get("content-type") ?? "", "text/html", link)
        closed.push(text)
      }
      assert.strictEqual(new Set(closed).size, 1)
      for (const page of ["/", "/gate", "/gate/board", "/t/1"]) {
        const { headers, text } = yield* app.ask(page)
        const policy = headers.get("content-security-policy") ?? ""
        assert.include(policy, "default-src 'none'", page)
        assert.notInclude(policy, "unsafe-inline", page)
        assert.notMatch(text, /(?:src|href)="(?:https?:)?\/\//, page)
        assert.strictEqual(headers.get("cache-control"), "no-store", page)
      }
    }))

  it.effect("files of pages are sent as small as the browser takes them, and kept for ever", () =>
    Effect.gen(function* () {
      const app = yield* TestApp.TestApp
      const { text } = yield* app.ask("/gate")
      const script = /src="(\/assets\/gate-[^"]+)"/.exec(text)?.[1] ?? ""
      const sent = Effect.fnUntraced(function* (accepts: string) {
        const response = yield* app.fetch(script, { headers: { "accept-encoding": accepts } })
        assert.include(response.headers.get("cache-control") ?? "", "immutable")
        yield* Effect.promise(() => response.arrayBuffer())
        return response.headers.get("content-encoding")
      })
      assert.strictEqual(yield* sent("gzip, deflate, br"), "br")
      assert.strictEqual(yield* sent("gzip"), "gzip")
      assert.strictEqual(yield* sent("br;q=0, gzip"), "gzip")
      assert.isNull(yield* sent("identity"))
      for (const name of ["..%2f..%2fpackage.json", "pages.json", "state", "gate.js"]) {
        assert.strictEqual((yield* app.ask(`/assets/${name}`)).status, 404, name)
      }
    }))
})

it.effect("without built pages nothing is served that is not there", () =>
  Effect.gen(function* () {
    const assets = yield* PageAssets
    assert.isTrue(assets.start("gate")._tag === "None")
    assert.isUndefined(assets.get("gate.js"))
  }).pipe(Effect.provide(Layer.provide(PageAssets.layer("/nowhere/"), Platform.services))))
