/** What is archived of an invoice adds up, and can be drawn from the archive alone. */
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, DateTime, Deferred, Effect, Fiber, Layer, Schema } from "effect"
import { TestClock } from "effect/testing"
import { FileStore, FileStoreError } from "../../../src/files/FileStore.ts"
import { Fonts } from "../../../src/print/pdf/Fonts.ts"
import * as Platform from "../../../src/Platform.ts"
import {
  InvoiceDocument,
  invoiceNumber,
  type Sale,
  toPdfInput,
  writeInvoice
} from "../../../src/payments/invoices/InvoiceDocument.ts"
import { InvoiceFiles } from "../../../src/payments/invoices/InvoiceFiles.ts"
import { invoiceTotals } from "../../../src/print/invoices/InvoiceTotals.ts"
import { Issuer } from "../../../src/payments/invoices/Issuer.ts"
import { type InvoiceRow, InvoiceStore } from "../../../src/payments/invoices/InvoiceStore.ts"

const paidAt = DateTime.makeUnsafe("2026-01-31T23:30:00Z")

const sale: Sale = {
  paymentId: "pay_1",
  amount: 9999,
  currency: "EUR",
  quantity: 3,
  title: "Tech Conference 2025",
  startsAt: null,
  customer: { name: "Łucja Ştefan", email: "l@example.com" },
  paidAt,
  paidBy: "visa •••• 4242"
}

const write = (overrides: Partial<Sale> = {}, config: Record<string, string> = {}) =>
  Effect.map(Issuer, (issuer) => writeInvoice(issuer, { ...sale, ...overrides }, "G-2026-000001", paidAt))
    .pipe(
      Effect.provide(Layer.provide(Issuer.layer, ConfigProvider.layer(ConfigProvider.fromUnknown(config))))
    )

const rowOf = (document: InvoiceDocument): InvoiceRow => ({
  issuer: "G",
  year: 2026,
  sequence: 1,
  number: document.number,
  payment_id: "pay_1",
  flow_id: null,
  owner: null,
  issued_at: paidAt,
  document,
  file_key: null,
  corrects: null,
  credited: null,
  credited_through: null
})

describe("an invoice document", () => {
  it.effect("has one line a sale, whose units make up the price exactly", () =>
    Effect.gen(function* () {
      const whole = yield* write()
      assert.deepStrictEqual([whole.lines[0]?.quantity, whole.lines[0]?.unitAmount], [3, 3333])
      const odd = yield* write({ amount: 10_000 })
      assert.deepStrictEqual([odd.lines[0]?.quantity, odd.lines[0]?.unitAmount], [1, 10_000])
      for (const { lines, totals } of [whole, odd]) {
        const { gross, net, vat } = invoiceTotals(lines)
        assert.deepStrictEqual({ gross, net, vat }, totals)
        assert.strictEqual(totals.net + totals.vat, totals.gross)
      }
    }))

  it.effect("is supplied at the event, or when it was paid for where no event is known", () =>
    Effect.gen(function* () {
      const startsAt = DateTime.makeUnsafe("2027-05-08T18:00:00Z")
      const supplied = (document: InvoiceDocument) => toPdfInput(document).suppliedAt
      assert.deepStrictEqual(supplied(yield* write({ startsAt })), DateTime.toDateUtc(startsAt))
      assert.deepStrictEqual(supplied(yield* write()), DateTime.toDateUtc(paidAt))
    }))

  it.effect("says of an issuer that is not configured that it is an example, and needs no VAT number at rate 0", () =>
    Effect.gen(function* () {
      assert.match((yield* write()).issuer.name, /EXEMPLE/)
      const exempt = yield* write({}, { INVOICE_VAT_BASIS_POINTS: "0", INVOICE_ISSUER_NAME: "Association" })
      assert.deepStrictEqual([exempt.issuer.name, exempt.issuer.vat, exempt.totals.vat], [
        "Association",
        undefined,
        0
      ])
    }))

  it.effect("comes back from the archive as it was written", () =>
    Effect.gen(function* () {
      const document = yield* write()
      const archived = JSON.parse(JSON.stringify(yield* Schema.encodeEffect(InvoiceDocument)(document)))
      const read = yield* Schema.decodeUnknownEffect(InvoiceDocument)(archived)
      assert.deepStrictEqual(toPdfInput(read), toPdfInput(document))
      assert.strictEqual(invoiceNumber("G", 2026, 1_234_567), "G-2026-1234567")
    }))

  it.effect("takes no prefix that could not be the name of a file", () =>
    Effect.gen(function* () {
      for (const prefix of ["FA/", "N° ", "FA_", "F.A", "É", "A".repeat(21)]) {
        const error = yield* Effect.flip(write({}, { INVOICE_PREFIX: prefix }))
        assert.include(error.message, "at most 20 letters, digits and hyphens", prefix)
      }
      yield* write({}, { INVOICE_PREFIX: "FA-2-B" })
    }))

  it.effect("is waited for a few seconds, and then goes without its file", () =>
    Effect.gen(function* () {
      const row = rowOf(yield* write())
      const asked = yield* Deferred.make<void>()
      const away = Layer.mock(FileStore, {
        put: (key) =>
          Effect.andThen(
            Deferred.succeed(asked, undefined),
            Effect.fail(new FileStoreError({ reason: "unavailable", key }))
          )
      })
      const attached = yield* Effect.flatMap(InvoiceFiles, (files) => files.attach(row)).pipe(
        Effect.provide(InvoiceFiles.layer.pipe(
          Layer.provide([away, Layer.mock(InvoiceStore, {}), Layer.provide(Fonts.layer, Platform.services)])
        )),
        Effect.forkChild
      )
      yield* Deferred.await(asked)
      yield* TestClock.adjust("10 seconds")
      assert.deepStrictEqual(yield* Fiber.join(attached), row)
    }))

  it.live("is drawn and stored although the store is unavailable at first", () =>
    Effect.gen(function* () {
      let attempts = 0
      const filed: Array<string> = []
      const flaky = Layer.effect(
        FileStore,
        Effect.map(FileStore, (store) => ({
          ...store,
          put: (key, bytes, type) =>
            Effect.suspend(() =>
              attempts++ === 0
                ? Effect.fail(new FileStoreError({ reason: "unavailable", key }))
                : store.put(key, bytes, type)
            )
        }))
      ).pipe(Layer.provide(FileStore.layerMemory))
      const store = Layer.mock(InvoiceStore, {
        filed: (number, key) => Effect.sync(() => void filed.push(`${number} ${key}`))
      })
      const document = yield* write()
      const row = rowOf(document)
      const attached = yield* Effect.flatMap(InvoiceFiles, (files) => files.attach(row)).pipe(
        Effect.provide(InvoiceFiles.layer.pipe(
          Layer.provide([flaky, store, Layer.provide(Fonts.layer, Platform.services)])
        ))
      )
      assert.deepStrictEqual([attached.file_key, attempts], ["invoices/G-2026-000001.pdf", 2])
      assert.deepStrictEqual(filed, ["G-2026-000001 invoices/G-2026-000001.pdf"])
    }))
})
