/** Money: an integer number of minor units and an ISO 4217 currency. */
import * as Schema from "effect/Schema"

const known = new Set(Intl.supportedValuesOf("currency"))

/** An ISO 4217 code that the runtime's CLDR data knows. */
export const Currency = Schema.String.check(
  Schema.makeFilter((code: string) => known.has(code) || "Expected an ISO 4217 currency code such as EUR")
)

/** So many formats are kept; callers name the locale and the currency. */
const mostFormats = 1_000

/** Minor units (9999 is 99.99 EUR); 99,999,999 is the largest charge that Stripe takes. */
export const Amount = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 99_999_999 }))

/** https://docs.stripe.com/currencies#zero-decimal, without UGX: its special case there counts in hundredths. */
const whole = new Set("BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF".split(" "))

/** https://docs.stripe.com/currencies#three-decimal */
const thousandths = new Set("BHD JOD KWD OMR TND".split(" "))

/**
 * How many decimals the amounts of a currency have: 2 for EUR, 0 for JPY, 3 for KWD. Who charges them says so: the data
 * of runtimes differ from it, and from one another, for ISK, HUF, UGX and others.
 */
export const decimals = (currency: string): number =>
  whole.has(currency) ? 0 : thousandths.has(currency) ? 3 : 2

/** Major units for people: `9999, "EUR"` is `99.99`. */
export const toMajor = (amount: number, currency: string): number => amount / 10 ** decimals(currency)

/** By locale and currency, as many as there are: a format is dear to make. */
const amountFormats = new Map<string, Intl.NumberFormat>()

const amountFormat = (currency: string, locale: string): Intl.NumberFormat => {
  const key = `${locale} ${currency}`
  const made = amountFormats.get(key)
  if (made !== undefined) return made
  const digits = decimals(currency)
  const format = new Intl.NumberFormat(locale, {
    style: "currency",
    currency,
    minimumFractionDigits: digits,
    maximumFractionDigits: digits
  })
  if (amountFormats.size < mostFormats) amountFormats.set(key, format)
  return format
}

/** Major units as a locale writes them: `99.99` is `99,99 €`. */
export const formatMajor = (major: number, currency: string, locale: string): string =>
  amountFormat(currency, locale).format(major)

/** The amount as a locale writes it. */
export const format = (amount: number, currency: string, locale: string): string =>
  formatMajor(toMajor(amount, currency), currency, locale)
