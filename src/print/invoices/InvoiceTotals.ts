/** VAT taken out of prices that include it, so that lines, rates and totals agree to the last minor unit. */

/**
 * A line as it is sold: `unitAmount` in minor units, VAT included; the rate in basis points (2000 is 20 %).
 */
export interface InvoiceLine {
  readonly label: string
  readonly quantity: number
  readonly unitAmount: number
  readonly vatRateBasisPoints: number
}

/** Amounts in minor units; `net` + `vat` is `gross`. */
export interface VatSplit {
  readonly net: number
  readonly vat: number
  readonly gross: number
}

/**
 * A line with its share of the VAT; `unitNet` is one unit without VAT, in as many decimals of a minor unit as quantity
 * times unit needs to come to the line's net amount (EN 16931: an item's price may have more decimals than an amount).
 */
export interface PricedLine extends InvoiceLine, VatSplit {
  readonly unitNet: number
}

/** What earlier documents came to at a rate: gross amounts, in minor units. */
export interface Carried {
  readonly vatRateBasisPoints: number
  readonly gross: number
}

/** What the invoice asks for: per line, per rate (highest first), and in total. */
export interface InvoiceTotals extends VatSplit {
  readonly lines: ReadonlyArray<PricedLine>
  readonly rates: ReadonlyArray<VatSplit & { readonly vatRateBasisPoints: number }>
}

/** Half away from zero, in integers. */
const netOf = (gross: number, rate: number): number => {
  const numerator = BigInt(Math.abs(gross)) * 10_000n
  const denominator = BigInt(10_000 + rate)
  return Math.sign(gross) * Number((2n * numerator + denominator) / (2n * denominator))
}

const mostDecimals = 6

const rounded = (value: number, decimals: number): number =>
  Math.round(value * 10 ** decimals) / 10 ** decimals

const unitOf = (net: number, quantity: number): number => {
  if (quantity === 0) return 0
  for (let decimals = 0; decimals < mostDecimals; decimals++) {
    const unit = rounded(net / quantity, decimals)
    if (Math.round(unit * quantity) === net) return unit
  }
  return rounded(net / quantity, mostDecimals)
}

const sum = (parts: ReadonlyArray<VatSplit>): VatSplit =>
  parts.reduce<VatSplit>((total, { net, vat, gross }) => ({
    net: total.net + net,
    vat: total.vat + vat,
    gross: total.gross + gross
  }), { net: 0, vat: 0, gross: 0 })

/**
 * Each rate is rounded once, on the sum of its lines (EN 16931 BR-CO-17: tax is base times rate); a line gets
 * what its rate's running total grew by, so the lines add up to the rate exactly. Documents that follow one another go on
 * from what the earlier ones came to: the VAT of all parts of a price is the VAT of the price.
 */
export const invoiceTotals = (
  lines: ReadonlyArray<InvoiceLine>,
  carried: ReadonlyArray<Carried> = []
): InvoiceTotals => {
  const running = new Map(carried.map(({ gross, vatRateBasisPoints }) => [vatRateBasisPoints, gross]))
  const priced = lines.map((line): PricedLine => {
    const { unitAmount, quantity, vatRateBasisPoints: rate } = line
    const gross = unitAmount * quantity
    const before = running.get(rate) ?? 0
    running.set(rate, before + gross)
    const net = netOf(before + gross, rate) - netOf(before, rate)
    return { ...line, gross, net, vat: gross - net, unitNet: unitOf(net, quantity) }
  })
  const rates = [...new Set(lines.map((line) => line.vatRateBasisPoints))].sort((a, b) => b - a).map((
    rate
  ) => ({
    vatRateBasisPoints: rate,
    ...sum(priced.filter((line) => line.vatRateBasisPoints === rate))
  }))
  return { lines: priced, rates, ...sum(priced) }
}
