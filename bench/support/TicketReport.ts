/** What the tickets' bench found: medians for people, the marks, then the same as one line of JSON. */
import { Record as Records } from "effect"
import { hundredths, median, round } from "./Numbers.ts"
import { atLeast, atMost, type Mark, out, printMarks } from "./Report.ts"
import { type JobFigures, scanRate } from "./TicketJobs.ts"
import type { Cost, Costs } from "./TicketRendering.ts"

/** Everything that was measured; `jobs` by where the generator's queue was. */
export interface Measures {
  readonly rounds: number
  readonly tickets: number
  readonly threads: number
  readonly rendering: Costs
  readonly jobs: Readonly<Record<string, JobFigures>>
}

const medians = (costs: ReadonlyArray<Cost>) => ({
  ms: hundredths(median(costs.map(({ ms }) => ms))),
  cpu_ms: hundredths(median(costs.map(({ cpu_ms }) => cpu_ms)))
})

/** Processor time of each peer, times ours of the same part and round. */
const ratios = (rendering: Costs): Record<string, number> => {
  const peers = Object.entries(rendering).filter(([name]) => !name.endsWith(".ours"))
  return Object.fromEntries(peers.map(([name, costs]) => {
    const ours = rendering[`${name.split(".")[0]}.ours`] ?? []
    return [name, hundredths(median(costs.map((cost, at) => cost.cpu_ms / (ours[at]?.cpu_ms ?? Number.NaN))))]
  }))
}

/** The most in the second half of the job, times the most in the first. */
const growth = ({ memory }: JobFigures): number => {
  const most = (from: number) => Math.max(...memory.tenths.slice(from, from + 5))
  return hundredths(most(5) / most(0))
}

const marksOf = (ratio: Record<string, number>, jobs: Measures["jobs"]): ReadonlyArray<Mark> => {
  const times = ratio["ticket.pdf-lib standard"] ?? Number.NaN
  return [
    atLeast("rendering, times faster than the naive ticket", times, 8),
    ...Object.entries(jobs).flatMap(([on, job]) => [
      {
        ...atMost(`job from POST to completed, times rendering alone, ${on}`, job.ratio, 1.35),
        value: hundredths(job.ratio)
      },
      atMost(`memory of the job's second half, times the first, ${on}`, growth(job), 1.1)
    ])
  ]
}

const rounded = (job: JobFigures) => ({
  accepted_ms: round(job.accepted_ms),
  seconds: round(job.seconds),
  pure_seconds: job.pure_seconds.map(round),
  ratio: hundredths(job.ratio),
  memory_mib: {
    start: Math.round(job.memory.start),
    peak: Math.round(job.memory.peak),
    tenths: job.memory.tenths.map(Math.round),
    growth: growth(job)
  },
  with_scans_seconds: round(job.with_scans_seconds),
  scans: Records.map(job.scans, (figures) => Records.map({ ...figures }, round))
})

const printRendering = (rendering: Costs, ratio: Record<string, number>): void => {
  const cells = (first: string, ...rest: ReadonlyArray<unknown>) =>
    out(`${first.padEnd(36)}${rest.map((cell) => String(cell).padStart(14)).join("")}`)
  cells("a ticket on one thread", "ms", "processor ms", "times ours")
  for (const [name, costs] of Object.entries(rendering)) {
    const { cpu_ms, ms } = medians(costs)
    cells(name, ms, cpu_ms, ratio[name] ?? "")
  }
  out("")
}

const printJob = (on: string, tickets: number, threads: number, job: JobFigures): void => {
  const { memory_mib, pure_seconds, scans, seconds, with_scans_seconds } = rounded(job)
  out(`${tickets} tickets, queue in ${on}: ${seconds} s from POST to completed`)
  out(`  rendering alone on ${threads} threads: ${pure_seconds.join(" s before, ")} s after`)
  out(`  memory in MiB: ${memory_mib.start} at the start, ${memory_mib.peak} at most;`)
  out(`    by tenths of the job ${memory_mib.tenths.join(" ")}`)
  out(`  with ${scanRate} scans a second beside it: ${with_scans_seconds} s`)
  for (const [when, { p50_ms, p99_ms, windows, seconds }] of Object.entries(scans)) {
    out(`    a scan, ${when}: p50 ${p50_ms} ms, p99 ${p99_ms} ms (${windows} windows of ${seconds} s)`)
  }
  out("")
}

/** Prints tables, marks and, last, the line of JSON. */
export const report = ({ jobs, rendering, rounds, threads, tickets }: Measures): void => {
  const ratio = ratios(rendering)
  const marks = marksOf(ratio, jobs)
  out("")
  printRendering(rendering, ratio)
  for (const [on, job] of Object.entries(jobs)) printJob(on, tickets, threads, job)
  printMarks(marks)
  out(JSON.stringify({
    bench: "tickets",
    rounds,
    tickets,
    threads,
    rendering: Records.map(rendering, medians),
    ratio,
    jobs: Records.map(jobs, rounded),
    marks
  }))
}
