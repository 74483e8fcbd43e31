/**
 * The documented complete flow, on PostgreSQL and on the embedded database in alternating rounds: idle latency from
 * POST to the last step before the reminders, flows per second with 16 in flight, memory of the idle server, time from
 * start to ready. PostgreSQL is at `DATABASE_URL_TEST`; without it only the embedded database is measured.
 */
import { Effect } from "effect"
import process from "node:process"
import body from "../test/fixtures/bodies/6-complete-flow.request.json" with { type: "json" }
import { administer, urlOf } from "../test/support/TestDatabase.ts"
import { type FlowTimes, makeClient } from "./support/Client.ts"
import { median, percentile, round } from "./support/Numbers.ts"
import { clean, environment, residentMiB, run, type Server, start } from "./support/Server.ts"

const rounds = 3
const single = 15
const inFlight = 16
const together = 64

interface Round {
  readonly coldMs: number
  readonly warmMs: number
  readonly idleMiB: number
  readonly servedMiB: number
  readonly loadedMiB: number
  readonly latencies: ReadonlyArray<number>
  readonly steps: ReadonlyArray<FlowTimes["steps"]>
  readonly perSecond: number
}

const out = (text: string) => process.stdout.write(`${text}\n`)

/** Sequential flows on an idle server, then many at once; each on an event of its own. */
const measure = async (server: Server, token: string, cold: number, warm: number): Promise<Round> => {
  const client = makeClient(server.url, token, body)
  const idleMiB = residentMiB(server.pid)
  for (let at = 0; at < 3; at++) await client.flow()
  const flows: Array<FlowTimes> = []
  for (let at = 0; at < single; at++) flows.push(await client.flow())
  const servedMiB = residentMiB(server.pid)
  const began = performance.now()
  let left = together
  const worker = async () => {
    while (left-- > 0) await client.flow()
  }
  await Promise.all(Array.from({ length: inFlight }, worker))
  const perSecond = together / ((performance.now() - began) / 1000)
  return {
    coldMs: cold,
    warmMs: warm,
    idleMiB,
    servedMiB,
    loadedMiB: residentMiB(server.pid),
    latencies: flows.map((flow) => flow.beforeReminders),
    steps: flows.map((flow) => flow.steps),
    perSecond
  }
}

const oneRound = async (databaseUrl: string | undefined): Promise<Round> => {
  const env = await environment(databaseUrl)
  try {
    if (databaseUrl !== undefined) await run(["migrate"], env)
    const first = await start(env)
    await first.stop()
    const token = await run(["token", "create", "--role", "organizer", "--subject", "bench"], env)
    const server = await start(env)
    try {
      return await measure(server, token, first.readyMs, server.readyMs)
    } finally {
      await server.stop()
    }
  } finally {
    clean(env)
  }
}

const onPostgres = async (adminUrl: string, at: number): Promise<Round> => {
  const name = `guichet_bench_${process.pid}_${at}`
  await Effect.runPromise(administer(adminUrl, `CREATE DATABASE ${name} TEMPLATE template0`))
  try {
    return await oneRound(urlOf(adminUrl, name))
  } finally {
    await Effect.runPromise(administer(adminUrl, `DROP DATABASE ${name} WITH (FORCE)`))
  }
}

const summary = (results: ReadonlyArray<Round>) => {
  const of = (value: (round: Round) => number) => round(median(results.map(value)))
  const steps = results.flatMap((result) => result.steps)
  return {
    latency_p50_ms: of((result) => median(result.latencies)),
    latency_p90_ms: of((result) => percentile(result.latencies, 0.9)),
    flows_per_second: of((result) => result.perSecond),
    idle_mib: of((result) => result.idleMiB),
    after_18_flows_mib: of((result) => result.servedMiB),
    after_load_mib: of((result) => result.loadedMiB),
    cold_start_ms: of((result) => result.coldMs),
    warm_start_ms: of((result) => result.warmMs),
    step_ms: Object.fromEntries(
      Object.keys(steps[0] ?? {}).map((name) => [name, round(median(steps.map((times) => times[name] ?? 0)))])
    )
  }
}

const main = async () => {
  const adminUrl = process.env.DATABASE_URL_TEST || undefined
  if (adminUrl === undefined) out("skipped: PostgreSQL, DATABASE_URL_TEST is not set")
  const embedded: Array<Round> = []
  const server: Array<Round> = []
  for (let at = 0; at < rounds; at++) {
    if (adminUrl !== undefined) server.push(await onPostgres(adminUrl, at))
    embedded.push(await oneRound(undefined))
    out(`round ${at + 1} of ${rounds} done`)
  }
  const results = {
    bench: "flow",
    rounds,
    ...(server.length === 0 ? {} : { postgresql: summary(server) }),
    embedded: summary(embedded)
  }
  out(JSON.stringify(results, null, 2))
  out(JSON.stringify(results))
}

await main()
