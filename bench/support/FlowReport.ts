/** What the flow's bench found: medians for people, ratios by round, marks, and last the same as one line of JSON. */
import { Record as Records } from "effect"
import type { Round, StatementRound } from "./FlowRound.ts"
import { inFlight } from "./FlowRound.ts"
import { hundredths, median, percentile, round } from "./Numbers.ts"
import { atLeast, atMost, type Mark, out, printMarks } from "./Report.ts"
import { type Statements, totals } from "./StatementCounter.ts"

/** The rounds of each side, by its name, and what it asks of PostgreSQL. */
export interface FlowMeasures {
  readonly rounds: Readonly<Record<string, ReadonlyArray<Round>>>
  readonly statements: Readonly<Record<string, StatementRound>>
}

const all = (statements: Statements): number => round(statements.values().reduce((sum, one) => sum + one, 0))

const summary = (results: ReadonlyArray<Round>) => {
  const of = (value: (round: Round) => number) => round(median(results.map(value)))
  const steps = results.flatMap((result) => result.steps)
  return {
    flows_per_second: of((result) => result.perSecond),
    processor_ms_per_flow: of((result) => result.processorMs),
    idle_p50_ms: of((result) => median(result.whole)),
    before_reminders_p50_ms: of((result) => median(result.beforeReminders)),
    before_reminders_p90_ms: of((result) => percentile(result.beforeReminders, 0.9)),
    idle_mib: of((result) => result.idleMiB),
    after_18_flows_mib: of((result) => result.servedMiB),
    after_load_mib: of((result) => result.loadedMiB),
    cold_start_ms: of((result) => result.coldMs),
    warm_start_ms: of((result) => result.warmMs),
    step_ms: Records.map(
      steps[0] ?? {},
      (_, name) => round(median(steps.map((times) => times[name] ?? 0)))
    )
  }
}

const statementsOf = ({ alone, idle, loaded }: StatementRound) => ({
  alone: all(alone),
  alone_without_transactions: round(totals(alone).others),
  at_16: all(loaded),
  at_16_without_transactions: round(totals(loaded).others),
  idle_per_second: all(idle)
})

/** Ours over another side, each round against the same round: the machine's mood is in both. */
const ratios = (mine: ReadonlyArray<Round>, others: ReadonlyArray<Round>) => {
  const of = (value: (round: Round) => number) =>
    hundredths(
      median(others.flatMap((other, at) => mine[at] === undefined ? [] : value(mine[at]) / value(other)))
    )
  return {
    flows_per_second: of((result) => result.perSecond),
    processor_ms_per_flow: of((result) => result.processorMs),
    idle_p50: of((result) => median(result.whole)),
    before_reminders_p50: of((result) => median(result.beforeReminders))
  }
}

type Summaries = Readonly<Record<string, ReturnType<typeof summary>>>
type Counts = Readonly<Record<string, ReturnType<typeof statementsOf>>>

const marksOf = (sides: Summaries, ratio: Record<string, ReturnType<typeof ratios>>, counts: Counts) => {
  const marks: Array<Mark> = []
  const add = (of: typeof atMost, name: string, value: number | undefined, limit: number) => {
    if (value !== undefined) marks.push(of(name, value, limit))
  }
  add(atLeast, "flows/s, times the hand-written", ratio.handwritten?.flows_per_second, 2)
  add(atMost, "idle p50, times the hand-written", ratio.handwritten?.idle_p50, 1)
  add(atMost, "processor ms of the server a flow", sides.postgresql?.processor_ms_per_flow, 50)
  add(atMost, "statements a flow, alone", counts.postgresql?.alone, 60)
  add(atMost, `statements a flow, ${inFlight} in flight`, counts.postgresql?.at_16, 40)
  return marks
}

const table = (sides: Summaries, counts: Counts): void => {
  const cells = (first: string, ...rest: ReadonlyArray<unknown>) =>
    out(`${first.padEnd(14)}${rest.map((cell) => String(cell).padStart(15)).join("")}`)
  cells("", "flows/s", "processor ms", "idle p50 ms", "statements, 1", `statements, ${inFlight}`)
  for (const [name, side] of Object.entries(sides)) {
    const { alone = "", at_16 = "" } = counts[name] ?? {}
    cells(name, side.flows_per_second, side.processor_ms_per_flow, side.idle_p50_ms, alone, at_16)
  }
  out("")
}

/** Prints what a flow alone asks of PostgreSQL, the most frequent first; what is rarer than once in ten flows is left out. */
export const printTexts = (name: string, { alone }: StatementRound): void => {
  out(`\n${name}, statements a flow:`)
  for (const [sql, count] of [...alone].sort(([, one], [, other]) => other - one)) {
    if (count >= 0.1) {
      out(`${count.toFixed(1).padStart(7)}  ${sql.trim().replaceAll(/\s+/g, " ").slice(0, 160)}`)
    }
  }
}

/** Prints a table, ratios, marks and, last, the line of JSON. */
export const report = ({ rounds, statements }: FlowMeasures): void => {
  const sides = Records.map(rounds, summary)
  const counts = Records.map(statements, statementsOf)
  const { embedded: _, postgresql = [], ...others } = rounds
  const ratio = Records.map(postgresql.length === 0 ? {} : others, (other) => ratios(postgresql, other))
  const marks = marksOf(sides, ratio, counts)
  out("")
  table(sides, counts)
  for (const [name, values] of Object.entries(ratio)) {
    out(`ours on postgresql, times ${name}: ${JSON.stringify(values)}`)
  }
  printMarks(marks)
  out(JSON.stringify({
    bench: "flow",
    rounds: Math.max(...Object.values(rounds).map((of) => of.length)),
    sides,
    statements: counts,
    ratio,
    marks
  }))
}
