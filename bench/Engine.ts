/**
 * What the durable engine costs: a flow of eight steps that do nothing, 32 and 1 in flight, on our mailboxes' storage and
 * on Effect's stock one, alternating in one run, on PostgreSQL (`DATABASE_URL_TEST`) and embedded. Peers are added to
 * `subjects`; their code and packages stand in `bench/peers/`. `BENCH_ROUNDS` (3) and `BENCH_FLOWS` (320, of which a tenth
 * alone) size it; `BENCH_ON=postgres` or `embedded` measures that one alone.
 */
import { Effect } from "effect"
import process from "node:process"
import { type EngineSubject, subjects } from "./support/EngineSubject.ts"
import { median, percentile, round } from "./support/Numbers.ts"

interface Figures {
  readonly subject: string
  readonly on: EngineSubject["on"]
  readonly in_flight: number
  readonly flows_per_second: number
  readonly p50_ms: number
  readonly p99_ms: number
  /** A flow; undefined where nobody counts. */
  readonly statements: number | undefined
  readonly commits: number | undefined
  /** Milliseconds of this process a flow, the load included. */
  readonly cpu_ms: number
}

const rounds = Number(process.env.BENCH_ROUNDS || 3)
const together = Number(process.env.BENCH_FLOWS || 320)
const only = process.env.BENCH_ON || undefined
const plan = [{ inFlight: 32, flows: together }, { inFlight: 1, flows: Math.ceil(together / 10) }] as const

const out = (text: string) => process.stdout.write(`${text}\n`)

const measure = (subject: EngineSubject, nth: number) =>
  Effect.gen(function* () {
    const engine = yield* subject.start
    const flows = (name: string, count: number, inFlight: number, times: Array<number>) =>
      Effect.forEach(Array.from({ length: count }, (_, at) => `${name}-${nth}-${at}`), (id) =>
        Effect.suspend(() => {
          const began = performance.now()
          return Effect.tap(engine.run(id), () =>
            Effect.sync(() => times.push(performance.now() - began)))
        }), { concurrency: inFlight, discard: true })
    yield* flows("warm", 64, 8, [])
    return yield* Effect.forEach(plan, ({ flows: count, inFlight }) =>
      Effect.gen(function* () {
        const times: Array<number> = []
        const before = yield* engine.counts
        const cpu = process.cpuUsage()
        const began = performance.now()
        yield* flows(`flow-${inFlight}`, count, inFlight, times)
        const seconds = (performance.now() - began) / 1000
        const { system, user } = process.cpuUsage(cpu)
        const after = yield* engine.counts
        const each = (key: "statements" | "commits") =>
          after[key] === undefined || before[key] === undefined
            ? undefined
            : round((after[key] - before[key]) / count)
        return {
          subject: subject.name,
          on: subject.on,
          in_flight: inFlight,
          flows_per_second: round(count / seconds),
          p50_ms: round(median(times)),
          p99_ms: round(percentile(times, 0.99)),
          statements: each("statements"),
          commits: each("commits"),
          cpu_ms: round((user + system) / 1000 / count)
        } satisfies Figures
      }))
  }).pipe(Effect.scoped)

const summary = (all: ReadonlyArray<Figures>) => {
  const groups = Map.groupBy(all, ({ in_flight, on, subject }) => `${on} ${in_flight} ${subject}`)
  return [...groups.values()].map((figures) => {
    const of = (value: (figures: Figures) => number | undefined) =>
      round(median(figures.flatMap((one) => value(one) ?? [])))
    return {
      ...figures[0]!,
      flows_per_second: of((one) => one.flows_per_second),
      p50_ms: of((one) => one.p50_ms),
      p99_ms: of((one) => one.p99_ms),
      statements: of((one) => one.statements),
      commits: of((one) => one.commits),
      cpu_ms: of((one) => one.cpu_ms)
    }
  })
}

const main = Effect.gen(function* () {
  const server = process.env.DATABASE_URL_TEST || undefined
  if (server === undefined) out("skipped: PostgreSQL, DATABASE_URL_TEST is not set")
  const all: Array<Figures> = []
  for (let nth = 0; nth < rounds; nth++) {
    for (const subject of subjects(server).filter(({ on }) => only === undefined || on === only)) {
      const figures = yield* measure(subject, nth)
      all.push(...figures)
      for (const one of figures) out(JSON.stringify(one))
    }
  }
  const medians = summary(all)
  out("\n| on | in flight | storage | flows/s | p50 ms | p99 ms | statements | commits | cpu ms |")
  out("|---|---|---|---|---|---|---|---|---|")
  for (const one of medians) {
    out(
      `| ${one.on} | ${one.in_flight} | ${one.subject} | ${one.flows_per_second} | ${one.p50_ms} | ` +
        `${one.p99_ms} | ${one.statements} | ${one.commits} | ${one.cpu_ms} |`
    )
  }
  out(JSON.stringify({ bench: "engine", rounds, flows: together, medians }))
})

// A stuck flow would keep the process: the bench ends with its answer.
Effect.runPromise(main as Effect.Effect<void>).then(() => process.exit(0), (error) => {
  process.stderr.write(`${String(error)}\n`)
  process.exit(1)
})
