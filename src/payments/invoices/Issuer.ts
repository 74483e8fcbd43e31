/**
 * Who issues the invoices: the seller's particulars that French law wants on each (CGI, annexe II, art. 242
 * nonies A).
 */
import { Config, Context, DateTime, Effect, Layer, Option, Schema } from "effect"
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
  siren: Config.withDefault(Config.NonEmptyString("INVOICE_ISSUER_SIREN"), "000000000"),
  vat: Config.option(Config.NonEmptyString("INVOICE_ISSUER_VAT")),
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
  static readonly layer: Layer.Layer<Issuer, Config.ConfigError> = Layer.effect(
    Issuer,
    Effect.gen(function* () {
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
