/** Medians and percentiles, rounded for reading. */

export const percentile = (values: ReadonlyArray<number>, share: number): number => {
  const sorted = [...values].sort((one, other) => one - other)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

export const median = (values: ReadonlyArray<number>): number => percentile(values, 0.5)

export const hundredths = (value: number): number => Math.round(value * 100) / 100

export const round = (value: number): number => Math.round(value * 10) / 10
