/**
 * A payment whose invoice the former version was asking its `InvoiceBook` entity for has it after the upgrade.
 * Guards whose removal turns this file red: the migration's delete, and its events that are applied again.
 */
import { assert, layer } from "@effect/vitest"
import { Deferred, Effect, Layer, Schema } from "effect"
import { ClusterSchema, Entity } from "effect/cluster"
import { Rpc } from "effect/rpc"
import { SqlClient } from "effect/sql"
import { PaymentLayer } from "../../entities/Payment.ts"
import forgetBook from "../../migrations/0011-0020/0016_invoices_without_a_book.ts"
import { Payment } from "../../rpc/Payment.ts"
import { PaymentWebhook } from "../../rpc/payments/PaymentWebhook.ts"
import * as Cluster from "../../src/cluster/Cluster.ts"
import { FileStore } from "../../src/files/FileStore.ts"
import { PaymentAnnouncer } from "../../src/flows/PaymentAnnouncer.ts"
import { InvoiceFiles } from "../../src/payments/invoices/InvoiceFiles.ts"
import { InvoiceStore } from "../../src/payments/invoices/InvoiceStore.ts"
import { Issuer } from "../../src/payments/invoices/Issuer.ts"
import * as Platform from "../../src/Platform.ts"
import { Fonts } from "../../src/print/pdf/Fonts.ts"
import { PaymentStore } from "../../src/store/payments/PaymentStore.ts"
import { numbered } from "../support/EventIds.ts"
import documented from "../fixtures/bodies/2-payment-webhook.request.json" with { type: "json" }
import * as TestDatabase from "../support/TestDatabase.ts"

const webhook = (paymentId: string) =>
  Schema.decodeUnknownSync(PaymentWebhook)({
    ...documented,
    payment_id: paymentId,
    webhook_id: `wh_${paymentId}`
  })

/** The entity as the former version had it. */
const FormerBook = Entity.make("InvoiceBook", [
  Rpc.make("IssueInvoice", {
    payload: { paymentId: Schema.String },
    success: Schema.Struct({ number: Schema.String }),
    primaryKey: ({ paymentId }) => paymentId
  }).annotate(ClusterSchema.Persisted, true)
])

const cluster = Cluster.layerSingle({
  entityTerminationTimeout: "20 millis",
  entityMessagePollInterval: "100 millis"
})

const silentBook = FormerBook.toLayer({ IssueInvoice: () => Effect.never }, { disableFatalDefects: true })

/** The former version, whose book never answers: after its message, a payment goes on as `afterwards`. */
const former = (afterwards: Effect.Effect<never>) =>
  Payment.toLayer(
    Effect.gen(function* () {
      const payments = yield* PaymentStore
      const bookOf = yield* FormerBook.client
      return Payment.of({
        ApplyEvent: ({ payload: { webhook } }) =>
          Effect.gen(function* () {
            const { payment } = yield* payments.apply(webhook)
            yield* Effect.orDie(
              bookOf("G-2025").IssueInvoice({ paymentId: payment.payment_id }, { discard: true })
            )
            return yield* afterwards
          })
      })
    }),
    { disableFatalDefects: true }
  ).pipe(Layer.provide(PaymentStore.layer), Layer.provideMerge(silentBook), Layer.provideMerge(cluster))

const present = PaymentLayer.pipe(
  Layer.provide(InvoiceFiles.layer),
  Layer.provide(Layer.mergeAll(
    PaymentStore.layer,
    Layer.provide(InvoiceStore.layer, Issuer.layer),
    Layer.succeed(PaymentAnnouncer, { announce: () => Effect.void }),
    Layer.provide(Fonts.layer, Platform.services)
  )),
  Layer.provideMerge(cluster)
)

const apply = (paymentId: string) =>
  Effect.flatMap(Payment.client, (client) => client(paymentId).ApplyEvent({ webhook: webhook(paymentId) }))

const post = (paymentId: string) =>
  Effect.flatMap(
    Payment.client,
    (client) => client(paymentId).ApplyEvent({ webhook: webhook(paymentId) }, { discard: true })
  )

const upgrade = Effect.flatMap(SqlClient.SqlClient, (sql) => sql.withTransaction(forgetBook))

/** What is left of the book's messages, and the payment's invoices. */
const left = Effect.fnUntraced(function* (paymentId: string) {
  const sql = yield* SqlClient.SqlClient
  const messages = yield* sql`SELECT tag FROM cluster_messages WHERE entity_type = 'InvoiceBook'`
  const invoices = yield* sql`SELECT sequence FROM invoices WHERE payment_id = ${paymentId}`
  return [messages.length, invoices.length]
})

/** The event of the documented body is somebody's. */
const database = Layer.provideMerge(
  Layer.effectDiscard(numbered("organizer-1", documented.metadata.event_id)),
  TestDatabase.layer
)

const World = Layer.merge(database, FileStore.layerMemory)

layer(World, { timeout: "60 seconds", excludeTestServices: true })("an upgrade from the book", (it) => {
  it.effect("changes nothing where the cluster has no tables yet", () => upgrade)

  it.effect("issues the invoice of a payment that was waiting for it", () =>
    Effect.gen(function* () {
      const asked = yield* Deferred.make<void>()
      yield* post("pay_waiting").pipe(
        Effect.andThen(Deferred.await(asked)),
        Effect.provide(former(Effect.andThen(Deferred.succeed(asked, undefined), Effect.never)))
      )
      assert.deepStrictEqual(yield* left("pay_waiting"), [1, 0])
      yield* upgrade
      assert.strictEqual(yield* Effect.provide(apply("pay_waiting"), present), "settled")
      assert.deepStrictEqual(yield* left("pay_waiting"), [0, 1])
    }), 30_000)

  it.effect("issues the invoice of a payment that had given up waiting", () =>
    Effect.gen(function* () {
      yield* Effect.exit(apply("pay_given_up")).pipe(Effect.provide(former(Effect.die("No answer"))))
      assert.deepStrictEqual(yield* left("pay_given_up"), [1, 0])
      yield* upgrade
      assert.strictEqual(yield* Effect.provide(apply("pay_given_up"), present), "settled")
      assert.deepStrictEqual(yield* left("pay_given_up"), [0, 1])
    }), 30_000)
})
