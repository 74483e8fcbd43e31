/**
 * Nothing is issued under an example's name for real money, and the numbers of whoever issues are right.
 * Guards whose removal turns this file red: the length and the check digit of a SIREN, that a VAT number has its country's
 * form and no more (the forms of seven countries are looked at), each variable that a live key needs, of both kinds of it.
 */
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Exit, Layer } from "effect"
import { Issuer } from "../../../src/payments/invoices/Issuer.ts"

const started = (settings: Record<string, string>) =>
  Effect.exit(Effect.provide(
    Effect.map(Issuer, ({ particulars }) => particulars),
    Layer.provide(Issuer.layer, ConfigProvider.layer(ConfigProvider.fromUnknown(settings)))
  ))

const live = { STRIPE_SECRET_KEY: "sk_live_0123456789" }
const named = {
  INVOICE_ISSUER_NAME: "Guichet SAS",
  INVOICE_ISSUER_ADDRESS: "1 rue de la Paix; 75002 Paris",
  INVOICE_ISSUER_SIREN: "732829320",
  INVOICE_ISSUER_VAT: "FR44732829320"
}

describe("who issues invoices", () => {
  it.effect("is named where a live key moves money", () =>
    Effect.gen(function* () {
      assert.isTrue(Exit.isSuccess(yield* started({ ...live, ...named })))
      for (const missing of Object.keys(named)) {
        const { [missing as keyof typeof named]: _, ...others } = named
        assert.include(JSON.stringify(yield* started({ ...live, ...others })), missing)
      }
      const { INVOICE_ISSUER_VAT: _, ...exempt } = named
      assert.isTrue(Exit.isSuccess(yield* started({ ...live, ...exempt, INVOICE_VAT_BASIS_POINTS: "0" })))
      assert.isTrue(Exit.isSuccess(yield* started({ STRIPE_SECRET_KEY: "sk_test_0123456789" })))
      assert.isTrue(Exit.isSuccess(yield* started({})))
      assert.isTrue(Exit.isFailure(yield* started({ STRIPE_SECRET_KEY: "rk_live_0123456789" })))
    }))

  it.effect("has numbers that exist", () =>
    Effect.gen(function* () {
      for (const siren of ["123", "18", "0732829320", "732829321", "73282932", "73282932O"]) {
        assert.isTrue(Exit.isFailure(yield* started({ INVOICE_ISSUER_SIREN: siren })), siren)
      }
      for (const vat of ["DE1", "FR4473282932", "XX123456789", "fr44732829320"]) {
        assert.isTrue(Exit.isFailure(yield* started({ INVOICE_ISSUER_VAT: vat })), vat)
      }
      for (
        const vat of [
          "DE123456789",
          "ATU12345678",
          "NL123456789B01",
          "IE1234567FA",
          "ESX1234567X",
          "EL123456789",
          "FR 44 732 829 320",
          "GB123456789",
          "CHE123456789TVA"
        ]
      ) {
        assert.isTrue(Exit.isSuccess(yield* started({ INVOICE_ISSUER_VAT: vat })), vat)
      }
    }))
})
