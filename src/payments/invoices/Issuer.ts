/**
 * Who issues the invoices: the seller's particulars that French law wants on each (CGI, annexe II, art. 242
 * nonies A).
 */
import { Config, Context, DateTime, Effect, Layer, Option, Redacted, Schema } from "effect"
import { Siren, VatNumber } from "./CompanyIdentifiers.ts"
import type { InvoiceParty } from "../../print/invoices/InvoiceParty.ts"

/** The variables of the issuer. */
export const issuerSettings = {
  prefix: Config.withDefault(
    Config.schema(
      Schema.String.check(
        Schema.isPattern(/^[A-Za-z0-9-]{1,20}$/, {
          message: "Expected at most 20 letters, digits and hyphens: it begins the name of a file"
        })
      ),
      "INVOICE_PREFIX"
    ),
    "G"
  ),
  name: Config.withDefault(Config.NonEmptyString("INVOICE_ISSUER_NAME"), "EXEMPLE – émetteur à configurer"),
  address: Config.withDefault(
    Config.NonEmptyString("INVOICE_ISSUER_ADDRESS"),
    "1 rue de l’Exemple; 75000 Paris"
  ),
  siren: Config.withDefault(Config.schema(Siren, "INVOICE_ISSUER_SIREN"), "000000000"),
  vat: Config.option(Config.schema(VatNumber, "INVOICE_ISSUER_VAT")),
  vatBasisPoints: Config.withDefault(
    Config.schema(
      Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 10_000 })),
      "INVOICE_VAT_BASIS_POINTS"
    ),
    2000
  ),
  timezone: Config.withDefault(
    Config.schema(Schema.TimeZoneNamedFromString, "INVOICE_TIMEZONE"),
    DateTime.zoneMakeNamedUnsafe("Europe/Paris")
  ),
  locale: Config.withDefault(Config.Literals(["fr", "en"], "INVOICE_LOCALE"), "fr")
}

/** Invoices would be issued under an example's name for real money; `message` says what to set. */
export class IssuerMissing extends Schema.TaggedError<IssuerMissing>()("IssuerMissing", {
  message: Schema.String
}) {}

const isLive = (key: Redacted.Redacted): boolean => /^(sk|rk)_live_/.test(Redacted.value(key))

/** With a live key of Stripe's, whoever issues the invoices has to be named. */
export const issuerIsNamed = Effect.gen(function* () {
  const key = yield* Config.option(Config.Redacted("STRIPE_SECRET_KEY"))
  if (Option.isNone(key) || !isLive(key.value)) return
  const { vatBasisPoints } = yield* Config.all({ vatBasisPoints: issuerSettings.vatBasisPoints })
  const needed = [
    "INVOICE_ISSUER_NAME",
    "INVOICE_ISSUER_ADDRESS",
    "INVOICE_ISSUER_SIREN",
    ...(vatBasisPoints === 0 ? [] : ["INVOICE_ISSUER_VAT"])
  ]
  const missing = yield* Effect.filter(
    needed,
    (name) => Effect.map(Config.option(Config.NonEmptyString(name)), Option.isNone)
  )
  if (missing.length === 0) return
  return yield* new IssuerMissing({
    message: `STRIPE_SECRET_KEY is a live key: set ${
      missing.join(", ")
    } too, invoices are issued under that name.`
  })
})

/** `prefix` begins every number and names the issuer's books; rates are basis points: 2000 is 20 %. */
export class Issuer extends Context.Service<Issuer, {
  readonly prefix: string
  readonly particulars: InvoiceParty
  readonly vatBasisPoints: number
  readonly timezone: DateTime.TimeZone.Named
  readonly locale: "fr" | "en"
  /** The year of an instant where the issuer lives. */
  readonly yearOf: (instant: DateTime.Utc) => number
}>()("guichet/payments/invoices/Issuer") {
  /**
   * Without configuration an issuer that says itself that it is an example; a rate of 0 needs no VAT number.
   */
  static readonly layer: Layer.Layer<Issuer, Config.ConfigError | IssuerMissing> = Layer.effect(
    Issuer,
    Effect.gen(function* () {
      yield* issuerIsNamed
      const { prefix, name, address, siren, vat, vatBasisPoints, timezone, locale } = yield* Config.all(
        issuerSettings
      )
      const number = Option.getOrUndefined(vat) ?? (vatBasisPoints === 0 ? undefined : "FR00000000000")
      return Issuer.of({
        prefix,
        particulars: { name, address: address.split(/[;\n]/).map((line) => line.trim()), siren, vat: number },
        vatBasisPoints,
        timezone,
        locale,
        yearOf: (instant) => DateTime.toParts(DateTime.setZone(instant, timezone)).year
      })
    })
  )
}
