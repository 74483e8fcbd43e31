/**
 * What a payer is told of money is in the payer's language, and names the document that there is.
 * Guards whose removal turns this file red: the locale of the payer, the credit note of the refund, the words of a message whose
 * documents stayed behind.
 */
import { assert, describe, it, layer } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import { notifyPayer } from "../../src/flows/PaymentNotice.ts"
import type { Message } from "../../src/notifications/Message.ts"
import { Notifier } from "../../src/notifications/Notifier.ts"
import { InvoiceFiles } from "../../src/payments/invoices/InvoiceFiles.ts"
import { AudienceStore } from "../../src/store/notifications/AudienceStore.ts"
import { EventStore } from "../../src/store/EventStore.ts"
import { FeedStore } from "../../src/store/flows/FeedStore.ts"
import { FlowStore } from "../../src/store/flows/FlowStore.ts"
import { PaymentStore } from "../../src/store/payments/PaymentStore.ts"
import { Templates } from "../../src/services/notifications/Templates.ts"
import * as Variables from "../../src/services/notifications/templates/Variables.ts"
import { GateStores, publish } from "../support/GateFixture.ts"
import { Links } from "../support/JobFixture.ts"
import { asked } from "../support/NewPayments.ts"
import * as TestDatabase from "../support/TestDatabase.ts"

const handed: Array<Message> = []

const Env = Layer.mergeAll(
  Layer.mock(Notifier, {
    deliver: (_origin, messages) =>
      Effect.sync(() => {
        handed.push(...messages)
        return { sent: 1, failed: 0, skipped: 0, retryable: 0 }
      })
  }),
  Layer.mock(InvoiceFiles, {
    forPayment: () => Effect.succeed(Option.none()),
    forRefund: () => Effect.succeed(Option.none())
  }),
  AudienceStore.layer.pipe(Layer.provide(Links)),
  FlowStore.layer,
  PaymentStore.layer,
  Templates.layer,
  GateStores
).pipe(Layer.provideMerge(FeedStore.layer), Layer.provideMerge(TestDatabase.layer))

layer(Env, { excludeTestServices: true })("a payer", (it) => {
  for (const [at, locale] of (["fr", "en"] as const).entries()) {
    it.effect(`who reads ${locale} is told so, without a document that is not there`, () =>
      Effect.gen(function* () {
        const eventId = at + 1
        yield* publish(eventId, 1)
        yield* (yield* EventStore).registerGuests(eventId, null, [
          { guest_id: 1, name: "Ana B", email: "ana@example.com", ticket_type: "VIP", locale }
        ])
        yield* (yield* PaymentStore).begin(asked(`pay_${locale}`, {
          eventId,
          userId: 1,
          customer: { name: "Ana B", email: "ana@example.com" }
        }))
        for (const status of ["settled", "refunded"] as const) {
          handed.length = 0
          yield* notifyPayer(`pay_${locale}`, status, undefined)
          const [message] = handed
          const { html, text } = yield* (yield* Templates).email({
            templateId: message!.template,
            subject: null,
            variables: yield* Variables.decode(message!.variables),
            attached: { qr: false, pdf: false }
          })
          assert.include(html, `<html lang="${locale}"`)
          assert.notMatch(text, /\bavoir\b|credit note|facture|invoice|\bDocument\b/i)
        }
      }))
  }
})

describe("a message whose documents stay behind", () => {
  it.effect("says of none that it is attached", () =>
    Effect.gen(function* () {
      const { email } = yield* Templates
      for (const templateId of ["ticket_generated", "payment_confirmation", "refund_confirmation"]) {
        for (const locale of ["fr", "en"]) {
          const render = (pdf: boolean) =>
            Effect.flatMap(Variables.decode({ locale }), (variables) =>
              email({ templateId, subject: null, variables, attached: { qr: true, pdf } }))
          const says = /jointe?\b|attached/
          assert.match((yield* render(true)).text, says)
          assert.notMatch((yield* render(false)).text, says)
          assert.notMatch((yield* render(false)).html, says)
        }
      }
    }).pipe(Effect.provide(Templates.layer)))
})
