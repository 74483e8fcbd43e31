/** What the gate's bench found: medians for people, then the same as one line of JSON. */
import process from "node:process"
import type { Figures } from "./GateSubject.ts"
import { median, round } from "./Numbers.ts"

/** Figures by the name of who was measured, a figure a round. */
export type Series = Readonly<Record<string, ReadonlyArray<Figures>>>

/** Everything that was measured; `growth` is the cost at the large event over the cost at a small one. */
export interface Measures {
  readonly rounds: number
  readonly closed: Series
  readonly steady: Series
  readonly growth: Readonly<Record<string, ReadonlyArray<number>>>
}

interface Mark {
  readonly name: string
  readonly value: number
  readonly mark: string
  readonly met: boolean
}

/** Prints a line. */
export const out = (text: string): void => void process.stdout.write(`${text}\n`)

const hundredths = (value: number): number => Math.round(value * 100) / 100

const medians = (figures: ReadonlyArray<Figures>) => ({
  scans_per_second: Math.round(median(figures.map((one) => one.per_second))),
  p50_ms: round(median(figures.map((one) => one.p50))),
  p99_ms: round(median(figures.map((one) => one.p99)))
})

const mapValues = <A, B>(record: Readonly<Record<string, A>>, f: (value: A) => B): Record<string, B> =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, f(value)]))

/** Each round against the same round of another: the machine's mood is in both. */
const ratios = ({ closed: { postgresql = [], ...others } }: Measures): Record<string, number> => {
  const { embedded: _, ...peers } = others
  return postgresql.length === 0 ? {} : mapValues(
    peers,
    (peer) => hundredths(median(peer.map((one, at) => (postgresql[at]?.per_second ?? 0) / one.per_second)))
  )
}

const table = (title: string, series: Series): void => {
  const cells = (first: string, ...rest: ReadonlyArray<unknown>) =>
    out(`${first.padEnd(28)}${rest.map((cell) => String(cell).padStart(12)).join("")}`)
  cells(title, "scans/s", "p50 ms", "p99 ms")
  for (const [name, figures] of Object.entries(series)) cells(name, ...Object.values(medians(figures)))
  out("")
}

/** Prints tables, marks and, last, the line of JSON. */
export const report = (measures: Measures): void => {
  const { closed, rounds, steady } = measures
  const ratio = ratios(measures)
  const growth = mapValues(measures.growth, (values) => hundredths(median(values)))
  const marks: Array<Mark> = []
  const { fastify_cte } = ratio
  if (fastify_cte !== undefined) {
    const name = "scans/s, times those of fastify_cte"
    marks.push({ name, value: fastify_cte, mark: "at least 1.5", met: fastify_cte >= 1.5 })
  }
  if (steady.postgresql !== undefined) {
    const { p99_ms } = medians(steady.postgresql)
    marks.push({ name: "steady p99 in ms", value: p99_ms, mark: "at most 15", met: p99_ms <= 15 })
  }
  for (const [on, value] of Object.entries(growth)) {
    const name = `cost of a scan at the large event, times that at a small one, ${on}`
    marks.push({ name, value, mark: "at most 1.15", met: value <= 1.15 })
  }

  out("")
  table("64 connections", closed)
  table("steady 300 scans/s", steady)
  for (const [name, value] of Object.entries(ratio)) out(`ours on postgresql, times ${name}: ${value}`)
  if (ratio.fastify_cte !== undefined) out("")
  for (const { mark, met, name, value } of marks) {
    out(`${met ? "met    " : "NOT MET"} ${name}: ${value} (${mark})`)
  }
  out("")
  out(JSON.stringify({
    bench: "gate",
    rounds,
    closed: mapValues(closed, medians),
    steady: mapValues(steady, medians),
    ratio,
    growth,
    marks
  }))
}
