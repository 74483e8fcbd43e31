/**
 * A settled payment has one invoice, one file and one decision, wherever the process dies on the way.
 * Guards whose removal turns this file red: each condition of an invoice, that what went back is credited, after the
 * invoice.
 */
import { assert, layer } from "@effect/vitest"
import { Context, DateTime, Deferred, Effect, Layer, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import * as Fs from "node:fs"
import { PaymentLayer } from "../../entities/Payment.ts"
import { Payment } from "../../rpc/Payment.ts"
import { PaymentWebhook } from "../../rpc/payments/PaymentWebhook.ts"
import * as Cluster from "../../src/cluster/Cluster.ts"
import { FileStore, FileStoreError } from "../../src/files/FileStore.ts"
import { Fonts } from "../../src/print/pdf/Fonts.ts"
import * as Platform from "../../src/Platform.ts"
import { fileKeyOf, InvoiceFiles } from "../../src/payments/invoices/InvoiceFiles.ts"
import { Issuer } from "../../src/payments/invoices/Issuer.ts"
import { PaymentAnnouncer } from "../../src/flows/PaymentAnnouncer.ts"
import { InvoiceStore } from "../../src/payments/invoices/InvoiceStore.ts"
import { PaymentStore } from "../../src/store/payments/PaymentStore.ts"
import { numbered } from "../support/EventIds.ts"
import { asked } from "../support/NewPayments.ts"
import * as TestDatabase from "../support/TestDatabase.ts"

const documented = Schema.decodeUnknownSync(PaymentWebhook)(
  JSON.parse(Fs.readFileSync("test/fixtures/bodies/2-payment-webhook.request.json", "utf8"))
)

const webhook = (
  paymentId: string,
  type = "completed",
  overrides: Partial<PaymentWebhook> = {}
): PaymentWebhook => ({
  ...documented,
  payment_id: paymentId,
  event_type: `payment.${type}`,
  webhook_id: `wh_${paymentId}_${type}`,
  ...overrides
})

/** What was announced to the waiting flow and the notices, by payment. */
class Announced extends Context.Service<Announced, Array<readonly [payment: string, status: string]>>()(
  "test/Announced"
) {}

const parts = ["heard", "applied", "numbered", "announced", "stored", "filed"] as const
type Part = typeof parts[number]

/** Where a run of the core dies: right after the part, which then has its effect and no successor. */
interface Death {
  readonly after: Part
  readonly reached: Deferred.Deferred<void>
}

/** What happens when the decision is announced, and before a file is stored. */
interface Faults {
  readonly announced?: Effect.Effect<void>
  readonly put: (key: string) => Effect.Effect<void, FileStoreError>
}

const dieAfter = (death: Death | undefined, part: Part) =>
  death?.after === part
    ? Effect.andThen(Deferred.succeed(death.reached, undefined), Effect.never)
    : Effect.void

const changed = <I, S, E, R, E2, R2>(
  key: Context.Key<I, S>,
  base: Layer.Layer<I, E, R>,
  change: (service: S) => Effect.Effect<S, E2, R2>
) => Layer.effect(key, Effect.flatMap(key, change)).pipe(Layer.provide(base))

/** The core's entity, run once, on the database that outlives the run. */
const core = (death?: Death, faults?: Faults) => {
  const payments = changed(PaymentStore, PaymentStore.layer, (store) =>
    Effect.succeed({
      ...store,
      apply: (body) =>
        dieAfter(death, "heard").pipe(
          Effect.andThen(store.apply(body)),
          Effect.tap(() => dieAfter(death, "applied"))
        )
    }))
  const invoices = changed(
    InvoiceStore,
    Layer.provide(InvoiceStore.layer, Issuer.layer),
    (store) =>
      Effect.succeed({
        ...store,
        issue: (paymentId) => Effect.tap(store.issue(paymentId), () => dieAfter(death, "numbered")),
        filed: (number, key) => Effect.tap(store.filed(number, key), () => dieAfter(death, "filed"))
      })
  )
  const files = Layer.effect(
    FileStore,
    Effect.map(FileStore, (store) => ({
      ...store,
      put: (key, bytes, type) =>
        Effect.andThen(faults?.put(key) ?? Effect.void, store.put(key, bytes, type)).pipe(
          Effect.tap(() => dieAfter(death, "stored"))
        )
    }))
  )
  const announcer = Layer.effect(
    PaymentAnnouncer,
    Effect.map(Announced, (announced) => ({
      announce: (payment, { status }) =>
        Effect.sync(() => announced.push([payment.payment_id, status])).pipe(
          Effect.andThen(faults?.announced ?? Effect.void),
          Effect.andThen(dieAfter(death, "announced"))
        )
    }))
  )
  return PaymentLayer.pipe(
    Layer.provide(InvoiceFiles.layer),
    Layer.provideMerge(Layer.mergeAll(payments, invoices, files, announcer)),
    Layer.provide(Layer.provide(Fonts.layer, Platform.services)),
    Layer.provideMerge(
      Cluster.layerSingle({ entityTerminationTimeout: "20 millis", entityMessagePollInterval: "100 millis" })
    )
  )
}

const apply = (body: PaymentWebhook) =>
  Effect.flatMap(Payment.client, (client) => client(body.payment_id).ApplyEvent({ webhook: body }))

const post = (body: PaymentWebhook) =>
  Effect.flatMap(
    Payment.client,
    (client) => client(body.payment_id).ApplyEvent({ webhook: body }, { discard: true })
  )

const invoices = (paymentId: string) =>
  Effect.flatMap(
    SqlClient.SqlClient,
    (sql) => sql`SELECT number, file_key FROM invoices WHERE payment_id = ${paymentId} AND corrects IS NULL`
  )

const sequences = Effect.flatMap(
  SqlClient.SqlClient,
  (sql) => sql`SELECT sequence FROM invoices ORDER BY sequence`
)

/** The event of the documented body is somebody's. */
const database = Layer.provideMerge(
  Layer.effectDiscard(numbered("organizer-1", documented.metadata.event_id ?? 1)),
  TestDatabase.layer
)

const World = Layer.mergeAll(database, FileStore.layerMemory, Layer.sync(Announced, () => []))

layer(World, { timeout: "60 seconds", excludeTestServices: true })("the Payment entity", (it) => {
  for (const part of parts) {
    it.effect(
      `invoices and announces once when the process dies after the payment is ${part}`,
      () =>
        Effect.gen(function* () {
          const paymentId = `pay_${part}`
          const reached = yield* Deferred.make<void>()
          yield* post(webhook(paymentId)).pipe(
            Effect.andThen(Deferred.await(reached)),
            Effect.provide(core({ after: part, reached }))
          )
          const status = yield* Effect.provide(apply(webhook(paymentId)), core())
          assert.strictEqual(status, "settled")
          const rows = yield* invoices(paymentId)
          assert.strictEqual(rows.length, 1)
          const number = String(rows[0]!.number)
          assert.strictEqual(rows[0]!.file_key, fileKeyOf(number))
          const pdf = yield* (yield* FileStore).get(fileKeyOf(number))
          assert.strictEqual(Buffer.from(pdf.bytes.slice(0, 5)).toString(), "%PDF-")
          const announced = (yield* Announced).filter(([payment]) => payment === paymentId)
          assert.deepStrictEqual([...new Set(announced.map(String))], [`${paymentId},settled`])
          const all = yield* sequences
          assert.deepStrictEqual(all.map(({ sequence }) => sequence), all.map((_, at) => at + 1))
        }),
      30_000
    )
  }

  it.effect("announces its decision before the invoice is drawn", () =>
    Effect.gen(function* () {
      const announced = yield* Deferred.make<void>()
      const faults = {
        announced: Effect.asVoid(Deferred.succeed(announced, undefined)),
        put: () => Deferred.await(announced)
      }
      yield* Effect.provide(apply(webhook("pay_first")), core(undefined, faults))
      const [row] = yield* invoices("pay_first")
      assert.strictEqual(row!.file_key, fileKeyOf(String(row!.number)))
    }), 30_000)

  it.effect("is settled and announced without a file that the store refuses", () =>
    Effect.gen(function* () {
      const put = (key: string) => Effect.fail(new FileStoreError({ reason: "invalid_key", key }))
      const status = yield* Effect.provide(apply(webhook("pay_unfiled")), core(undefined, { put }))
      assert.strictEqual(status, "settled")
      const [row] = yield* invoices("pay_unfiled")
      assert.isNull(row!.file_key)
      const announced = (yield* Announced).filter(([payment]) => payment === "pay_unfiled")
      assert.deepStrictEqual(announced, [["pay_unfiled", "settled"]])
    }), 30_000)

  it.effect(
    "answers a repeated webhook as it answered the first, and announces a later decision",
    () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* apply(webhook("pay_once")), "settled")
        assert.strictEqual(yield* apply(webhook("pay_once")), "settled")
        assert.strictEqual(yield* apply(webhook("pay_once", "failed")), "settled")
        assert.strictEqual(yield* apply(webhook("pay_once", "refunded")), "refunded")
        const announced = (yield* Announced).filter(([payment]) => payment === "pay_once").map(([, status]) =>
          status
        )
        assert.deepStrictEqual(announced, ["settled", "settled", "refunded"])
        assert.strictEqual((yield* invoices("pay_once")).length, 1)
      }).pipe(Effect.provide(core())),
    30_000
  )

  it.effect(
    "has no invoice for a payment that failed, is free, or asked for none",
    () =>
      Effect.gen(function* () {
        const payments = yield* PaymentStore
        yield* payments.begin(asked("pay_quiet", { owner: null, createInvoice: false }))
        yield* payments.begin(asked("pay_free", { owner: null, amount: 0 }))
        yield* apply(webhook("pay_quiet"))
        yield* apply(webhook("pay_free", "completed", { amount: 0 }))
        yield* apply(webhook("pay_bad", "failed"))
        for (const id of ["pay_quiet", "pay_free", "pay_bad"]) assert.deepStrictEqual(yield* invoices(id), [])
        const announced = (yield* Announced).filter(([payment]) => payment === "pay_bad")
        assert.deepStrictEqual(announced, [["pay_bad", "failed"]])
      }).pipe(Effect.provide(core())),
    30_000
  )

  it.effect(
    "has no invoice when its event is nobody's, though money came and went back",
    () =>
      Effect.gen(function* () {
        const metadata = { ...documented.metadata, event_id: 404 }
        yield* apply(webhook("pay_foreign", "completed", { metadata }))
        assert.strictEqual(yield* apply(webhook("pay_foreign", "refunded", { metadata })), "refunded")
        const sql = yield* SqlClient.SqlClient
        assert.deepStrictEqual(yield* sql`SELECT number FROM invoices WHERE payment_id = 'pay_foreign'`, [])
      }).pipe(Effect.provide(core())),
    30_000
  )

  it.effect(
    "is credited once for what went back, also when that was heard of first",
    () =>
      Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const part = { facts: { amount_refunded: 4000 } }
        yield* apply(webhook("pay_back", "partially_refunded", part))
        assert.deepStrictEqual(yield* invoices("pay_back"), [])
        const notes = sql`
          SELECT corrects, credited::int AS credited, file_key IS NOT NULL AS filed FROM invoices
          WHERE payment_id = 'pay_back' AND corrects IS NOT NULL`
        yield* apply(webhook("pay_back", "completed"))
        const [invoice] = yield* invoices("pay_back")
        const credited = [{ corrects: invoice!.number, credited: 4000, filed: true }]
        assert.deepStrictEqual(yield* notes, credited)
        yield* apply(webhook("pay_back", "completed", { webhook_id: "wh_pay_back_again" }))
        assert.deepStrictEqual(yield* notes, credited)
      }).pipe(Effect.provide(core())),
    30_000
  )

  it.effect(
    "keeps another price than was asked, settles nothing by it, and says what came",
    () =>
      Effect.gen(function* () {
        yield* apply(webhook("pay_price", "unknown"))
        assert.strictEqual(yield* apply(webhook("pay_price", "completed", { amount: 1 })), "pending")
        const stored = Option.getOrThrow(yield* (yield* PaymentStore).get("pay_price"))
        assert.strictEqual(stored.settled_at === null ? null : DateTime.formatIso(stored.settled_at), null)
        assert.deepStrictEqual([stored.amount_received, stored.attention], [1, ["amount_mismatch"]])
        assert.deepStrictEqual(yield* invoices("pay_price"), [])
      }).pipe(Effect.provide(core())),
    30_000
  )
})
