/** Money: an integer number of minor units and an ISO 4217 currency. */
import * as Schema from "effect/Schema"

const known = new Set(Intl.supportedValuesOf("currency"))

/** An ISO 4217 code that the runtime's CLDR data knows. */
export const Currency = Schema.String.check(
  Schema.makeFilter((code: string) => known.has(code) || "Expected an ISO 4217 currency code such as EUR")
)

/** Minor units (9999 is 99.99 EUR), up to the largest amount of any currency. */
export const Amount = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 999_999_999_999 }))

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

/** https://docs.stripe.com/currencies#special-cases: charged in hundredths that are whole units. */
const wholeHundredths = new Set(["ISK", "UGX"])

/** https://docs.stripe.com/currencies#minimum-and-maximum-charge-amounts */
const largest = (currency: string): number => currency === "IDR" ? 999_999_999_999 : 99_999_999

/** What the last digits have to be for cards to be charged in a currency. */
const stepOf = (currency: string): number =>
  thousandths.has(currency) ? 10 : wholeHundredths.has(currency) ? 100 : 1

/** Why an amount cannot be charged in a currency, in a sentence; undefined where it can. */
export const unchargeable = (amount: number, currency: string): string | undefined => {
  if (amount > largest(currency)) return `At most ${largest(currency)} can be charged in ${currency}`
  const step = stepOf(currency)
  if (amount % step === 0) return undefined
  const below = amount - amount % step
  return `Amounts in ${currency} are multiples of ${step}: ${below} or ${below + step}`
}

/** Holds an amount to the rules of its currency. */
export const chargeable = Schema.makeFilter((
  { amount, currency }: { readonly amount: number; readonly currency: string }
) => {
  const issue = unchargeable(amount, currency)
  return issue === undefined ? undefined : { path: ["amount"], issue }
})

/** Major units for people: `9999, "EUR"` is `99.99`. */
export const toMajor = (amount: number, currency: string): number => amount / 10 ** decimals(currency)

const write = (major: number, currency: string, locale: string, moreDigits: number): string => {
  const digits = decimals(currency)
  return new Intl.NumberFormat(locale, {
    style: "currency",
    currency,
    minimumFractionDigits: digits,
    maximumFractionDigits: digits + moreDigits
  }).format(major)
}

/** Major units as a locale writes them: `99.99` is `99,99 €`. */
export const formatMajor = (major: number, currency: string, locale: string): string =>
  write(major, currency, locale, 0)

/** A price of one, which may have parts of a minor unit: `833.33` is `8,3333 €`. */
export const formatUnit = (amount: number, currency: string, locale: string): string =>
  write(toMajor(amount, currency), currency, locale, 6)

/** The amount as a locale writes it. */
export const format = (amount: number, currency: string, locale: string): string =>
  formatMajor(toMajor(amount, currency), currency, locale)
