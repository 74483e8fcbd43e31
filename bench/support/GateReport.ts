/** What the gate's bench found: medians for people, then the same as one line of JSON. */
import { Record as Records } from "effect"
import type { Figures } from "./GateSubject.ts"
import { hundredths, median, round } from "./Numbers.ts"
import { atLeast, atMost, type Mark, out, printMarks } from "./Report.ts"

/** Figures by the name of who was measured, a figure a round. */
export type Series = Readonly<Record<string, ReadonlyArray<Figures>>>

/** Everything that was measured; `growth` is the cost at the large event over the cost at a small one. */
export interface Measures {
  readonly rounds: number
  readonly closed: Series
  readonly steady: Series
  readonly growth: Readonly<Record<string, ReadonlyArray<number>>>
}

const medians = (figures: ReadonlyArray<Figures>) => ({
  scans_per_second: Math.round(median(figures.map((one) => one.per_second))),
  p50_ms: round(median(figures.map((one) => one.p50))),
  p99_ms: round(median(figures.map((one) => one.p99)))
})

/** Each round against the same round of another: the machine's mood is in both. */
const ratios = ({ closed: { postgresql = [], ...others } }: Measures): Record<string, number> => {
  const { embedded: _, ...peers } = others
  return postgresql.length === 0 ? {} : Records.map(
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
  const growth = Records.map(measures.growth, (values) => hundredths(median(values)))
  const marks: Array<Mark> = []
  const { fastify_cte } = ratio
  if (fastify_cte !== undefined) {
    marks.push(atLeast("scans/s, times those of fastify_cte", fastify_cte, 1.5))
  }
  if (steady.postgresql !== undefined) {
    marks.push(atMost("steady p99 in ms", medians(steady.postgresql).p99_ms, 15))
  }
  for (const [on, value] of Object.entries(growth)) {
    marks.push(atMost(`cost of a scan at the large event, times that at a small one, ${on}`, value, 1.15))
  }

  out("")
  table("64 connections", closed)
  table("steady 300 scans/s", steady)
  for (const [name, value] of Object.entries(ratio)) out(`ours on postgresql, times ${name}: ${value}`)
  if (ratio.fastify_cte !== undefined) out("")
  printMarks(marks)
  out(JSON.stringify({
    bench: "gate",
    rounds,
    closed: Records.map(closed, medians),
    steady: Records.map(steady, medians),
    ratio,
    growth,
    marks
  }))
}
