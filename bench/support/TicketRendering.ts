/** What one thread renders: our ticket against the naive one, whole and in its two parts, in alternating rounds. */
import process from "node:process"
import { type FontChoice, type Library, naivePdf, naiveQr } from "../peers/NaiveTicket.ts"
import { type BenchTicket, ticketOf } from "./BenchTickets.ts"
import { ourPdf, ourQr } from "./OurTicket.ts"

/** Milliseconds a ticket, by the clock and of all processors (libraries compress on threads of their own). */
export interface Cost {
  readonly ms: number
  readonly cpu_ms: number
}

/** A cost a round, by what was rendered: `qr.ours`, `pdf.pdf-lib standard`, `ticket.ours` and so on. */
export type Costs = Readonly<Record<string, ReadonlyArray<Cost>>>

interface Subject {
  readonly name: string
  /** How many tickets a round. */
  readonly count: number
  readonly render: (ticket: BenchTicket) => Promise<unknown>
}

const ourCount = 1_000

/** Fonts are embedded by parsing them anew for each ticket: such a one takes a quarter of a second. */
const naiveCount = { standard: 100, embedded: 6 } as const

const sample = ticketOf(1, 1)
const ready = { matrix: ourQr(sample).matrix, png: await naiveQr(sample) }

const naive = (library: Library, fonts: FontChoice): ReadonlyArray<Subject> => [
  {
    name: `pdf.${library} ${fonts}`,
    count: naiveCount[fonts],
    render: (ticket) => naivePdf(library, fonts, ticket, ready.png)
  },
  {
    name: `ticket.${library} ${fonts}`,
    count: naiveCount[fonts],
    render: async (ticket) => naivePdf(library, fonts, ticket, await naiveQr(ticket))
  }
]

const subjects: ReadonlyArray<Subject> = [
  { name: "qr.ours", count: ourCount, render: (ticket) => Promise.resolve(ourQr(ticket)) },
  { name: "qr.qrcode", count: naiveCount.standard, render: naiveQr },
  { name: "pdf.ours", count: ourCount, render: (ticket) => ourPdf(ticket, ready.matrix) },
  { name: "ticket.ours", count: ourCount, render: (ticket) => ourPdf(ticket, ourQr(ticket).matrix) },
  ...naive("pdf-lib", "standard"),
  ...naive("pdf-lib", "embedded"),
  ...naive("@cantoo/pdf-lib", "standard"),
  ...naive("@cantoo/pdf-lib", "embedded")
]

const measure = async ({ count, render }: Subject, first: number): Promise<Cost> => {
  const tickets = Array.from({ length: count }, (_, at) => ticketOf(1, first + at))
  const processor = process.cpuUsage()
  const began = performance.now()
  for (const ticket of tickets) await render(ticket)
  const ms = performance.now() - began
  const { system, user } = process.cpuUsage(processor)
  return { ms: ms / count, cpu_ms: (system + user) / 1_000 / count }
}

/** Every subject in every round, each beginning one in turn; a round before them warms up. */
export const measureRendering = async (
  rounds: number,
  done: (round: number) => void
): Promise<Costs> => {
  const costs: Record<string, Array<Cost>> = Object.fromEntries(subjects.map(({ name }) => [name, []]))
  for (const subject of subjects) await measure(subject, 1)
  for (let round = 0; round < rounds; round++) {
    const turn = Math.floor(round * subjects.length / rounds)
    for (const subject of [...subjects.slice(turn), ...subjects.slice(0, turn)]) {
      costs[subject.name]?.push(await measure(subject, 1 + round * ourCount))
    }
    done(round + 1)
  }
  return costs
}
