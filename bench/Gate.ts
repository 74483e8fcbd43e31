/**
 * Scans a second at the gate, over HTTP: ours on PostgreSQL and on the embedded database, Fastify with one statement
 * a scan and with a transaction, and pgbench of that statement, in alternating rounds of one run. In the same rounds:
 * p99 at a steady 300 a second, and whether a scan costs more at a large event. An argument gives another number of
 * rounds. PostgreSQL is at `DATABASE_URL_TEST`; without it only the embedded database is measured.
 */
import { availableParallelism, loadavg } from "node:os"
import process from "node:process"
import { report } from "./support/GateReport.ts"
import { embedded, fastify, type Gate, onPostgres } from "./support/Gates.ts"
import { type Figures, Subject } from "./support/GateSubject.ts"
import { startLoader } from "./support/Loader.ts"
import * as Pgbench from "./support/Pgbench.ts"
import { out } from "./support/Report.ts"

const rounds = Number(process.argv[2] ?? 5)

/** Event 1 has more tickets than a gate here admits, event 2 is the large one, each of the others is used once. */
const crowd = rounds * 120_000
const large = 2
const pairs = 4
const events = [crowd, 200_000, ...Array.from({ length: rounds * pairs }, () => 1_000)]

out(`${availableParallelism()} processors, load ${loadavg()[0]?.toFixed(1)} at the start`)

const adminUrl = process.env.DATABASE_URL_TEST || undefined
const withPgbench = adminUrl !== undefined && Pgbench.isInstalled()
if (adminUrl === undefined) out("skipped: PostgreSQL and the peers on it, DATABASE_URL_TEST is not set")
else if (!withPgbench) out("skipped: pgbench, it is not on the PATH")

await using resources = new AsyncDisposableStack()
const loader = startLoader()
resources.defer(loader.stop)

const subjectOf = (name: string, gate: Gate) => new Subject(name, resources.use(gate), loader)

const ours: Array<Subject> = []
const peers: Array<Subject> = []
if (adminUrl !== undefined) {
  ours.push(subjectOf("postgresql", await onPostgres(adminUrl, events)))
  peers.push(subjectOf("fastify_cte", await fastify(adminUrl, "cte", crowd)))
  peers.push(subjectOf("fastify_transaction", await fastify(adminUrl, "transaction", crowd)))
}
const pgbench = withPgbench ? resources.use(await Pgbench.prepare(adminUrl, crowd)) : undefined
const alone: Record<string, Array<Figures>> = pgbench === undefined ? {} : { pgbench_8: [], pgbench_32: [] }
const embeddedGate = await embedded(events)
const embeddedSubject = subjectOf("embedded", embeddedGate)
await embeddedGate.pause()
out("seeded")

const growth = async (subject: Subject, at: number, count: number): Promise<void> => {
  for (let pair = 0; pair < count; pair++) {
    const small = large + 1 + at * pairs + pair
    await subject.measureGrowth(small, large, pair % 2 === 0 ? "small first" : "large first")
  }
}

/** Whoever comes first in a round has the aftermath of the round before: each does in turn. */
const turned = <A>(of: ReadonlyArray<A>, by: number): ReadonlyArray<A> => [
  ...of.slice(by % of.length),
  ...of.slice(0, by % of.length)
]

const onServer = async (at: number): Promise<void> => {
  const warmUp = { seconds: at === 0 ? 3 : 1 }
  for (const subject of turned([...ours, ...peers], at)) {
    await subject.measureClosed(1, warmUp, { seconds: 4 })
  }
  for (const subject of turned([...ours, ...peers.slice(0, 1)], at)) {
    await subject.measureSteady(1, { seconds: 1 }, { seconds: 5 })
  }
  for (const subject of ours) await growth(subject, at, pairs)
  if (pgbench === undefined) return
  alone.pgbench_8?.push(await pgbench.measure(8, 2))
  alone.pgbench_32?.push(await pgbench.measure(32, 2))
}

const onEmbedded = async (at: number): Promise<void> => {
  await embeddedGate.resume()
  await embeddedSubject.measureClosed(1, { seconds: 2 }, { seconds: 3 })
  await embeddedSubject.measureSteady(1, { seconds: 0.5 }, { seconds: 3 })
  await growth(embeddedSubject, at, pairs)
  await embeddedGate.pause()
}

for (let at = 0; at < rounds; at++) {
  await onServer(at)
  await onEmbedded(at)
  const rates = [...ours, ...peers].map(({ closed, name }) =>
    `${name} ${closed.at(-1)?.per_second.toFixed(0)}/s`
  )
  out(`round ${at + 1} of ${rounds} done: ${rates.join(", ")}`)
}
const subjects = [...ours, ...peers, embeddedSubject]
await pgbench?.check()
for (const subject of subjects) await subject.check()
out("every accepted scan is stored exactly once")

const by = <A>(value: (subject: Subject) => ReadonlyArray<A>): Record<string, ReadonlyArray<A>> =>
  Object.fromEntries(
    subjects.map((subject) => [subject.name, value(subject)] as const).filter(([, of]) => of.length > 0)
  )

report({
  rounds,
  closed: { ...by((subject) => subject.closed), ...alone },
  steady: by((subject) => subject.steady),
  growth: by((subject) => subject.growth)
})
