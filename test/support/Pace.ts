/** Sends so many a second, whatever came of the ones before, and says how long each took from when it was due. */

/** Milliseconds of each, in the order in which they ended. */
export const atPace = async (
  { count, perSecond }: { readonly count: number; readonly perSecond: number },
  send: (at: number) => Promise<void>,
  now: () => number = () => performance.now()
): Promise<ReadonlyArray<number>> => {
  const every = 1_000 / perSecond
  const start = now()
  const took: Array<number> = []
  const sent: Array<Promise<void>> = []
  for (let at = 0; at < count; at++) {
    const due = start + at * every
    if (due > now()) await new Promise((resolve) => setTimeout(resolve, due - now()))
    sent.push(send(at).then(() => void took.push(now() - due)))
  }
  await Promise.all(sent)
  return took
}

/** The value below which this part of them is, the nearest rank (0.99: 99 of 100). */
export const quantile = (values: ReadonlyArray<number>, part: number): number => {
  const sorted = values.toSorted((one, other) => one - other)
  return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? Number.NaN
}
