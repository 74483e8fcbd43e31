/** Money: an integer number of minor units and an ISO 4217 currency. */
import * as Schema from "effect/Schema"

const known = new Set(Intl.supportedValuesOf("currency"))

/** An ISO 4217 code that the runtime's CLDR data knows. */
export const Currency = Schema.String.check(
  Schema.makeFilter((code: string) => known.has(code) || "Expected an ISO 4217 currency code such as EUR")
)

/** Minor units (9999 is 99.99 EUR); 99,999,999 is the largest charge that Stripe takes. */
export const Amount = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 99_999_999 }))

/** How many decimals a currency has: 2 for EUR, 0 for JPY, 3 for KWD. */
export const decimals = (currency: string): number =>
  new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions().maximumFractionDigits ?? 2

/** Major units for people: `9999, "EUR"` is `99.99`. */
export const toMajor = (amount: number, currency: string): number => amount / 10 ** decimals(currency)

/** The amount as a locale writes it: `99,99 €`. */
export const format = (amount: number, currency: string, locale: string): string =>
  new Intl.NumberFormat(locale, { style: "currency", currency }).format(toMajor(amount, currency))
