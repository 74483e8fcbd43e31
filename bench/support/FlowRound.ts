/** One side's round: cold and warm start, flows alone and many at once, and in a pass of its own what it asks of SQL. */
import body from "../../test/fixtures/bodies/6-complete-flow.request.json" with { type: "json" }
import type { FlowTimes } from "./Client.ts"
import { freshDatabase } from "./GateDatabase.ts"
import type { Prepared, Side } from "./FlowSides.ts"
import { processorMs, residentMiB, type Server } from "./Server.ts"
import { between, countStatements, type Statements } from "./StatementCounter.ts"

/** Flows before anything is measured, alone and many at once: a server in use is a warm one. */
const warmUp = { alone: 3, together: 32 }
const single = 15
const together = 64

/** How many flows are under way in the loaded part. */
export const inFlight = 16

/** Milliseconds, MiB and flows a second; `whole` is from the POST until the client has read the flow's end. */
export interface Round {
  readonly coldMs: number
  readonly warmMs: number
  readonly idleMiB: number
  readonly servedMiB: number
  readonly loadedMiB: number
  readonly whole: ReadonlyArray<number>
  readonly beforeReminders: ReadonlyArray<number>
  readonly steps: ReadonlyArray<FlowTimes["steps"]>
  readonly perSecond: number
  /** Processor time of the server's process a flow, many at once. */
  readonly processorMs: number
}

/** Statements a flow, and while nothing happens a second. */
export interface StatementRound {
  readonly alone: Statements
  readonly loaded: Statements
  readonly idle: Statements
}

type Flow = () => Promise<FlowTimes>

const atOnce = async (flow: Flow, count: number): Promise<void> => {
  let left = count
  const worker = async () => {
    while (left-- > 0) await flow()
  }
  await Promise.all(Array.from({ length: inFlight }, worker))
}

const oneByOne = async (flow: Flow, count: number): Promise<ReadonlyArray<FlowTimes & { whole: number }>> => {
  const flows: Array<FlowTimes & { whole: number }> = []
  for (let at = 0; at < count; at++) {
    const posted = performance.now()
    const times = await flow()
    flows.push({ ...times, whole: performance.now() - posted })
  }
  return flows
}

const measure = async (server: Server, prepared: Prepared, coldMs: number): Promise<Round> => {
  const { flow } = prepared.makeClient(server.url, prepared.token, body)
  const idleMiB = residentMiB(server.pid)
  await oneByOne(flow, warmUp.alone)
  const flows = await oneByOne(flow, single)
  const servedMiB = residentMiB(server.pid)
  await atOnce(flow, warmUp.together)
  const processor = processorMs(server.pid)
  const began = performance.now()
  await atOnce(flow, together)
  return {
    coldMs,
    warmMs: server.readyMs,
    idleMiB,
    servedMiB,
    loadedMiB: residentMiB(server.pid),
    whole: flows.map((one) => one.whole),
    beforeReminders: flows.map((one) => one.beforeReminders),
    steps: flows.map((one) => one.steps),
    perSecond: together / ((performance.now() - began) / 1_000),
    processorMs: (processorMs(server.pid) - processor) / together
  }
}

const quietMs = 2_000

/** The same flows through a counter, at events that the measured ones did not use. */
const count = async (prepared: Prepared, databaseUrl: string): Promise<StatementRound> => {
  await using counter = await countStatements(databaseUrl)
  const server = await prepared.start(counter.url)
  try {
    const { flow } = prepared.makeClient(server.url, prepared.token, body, 1_000)
    const during = async (each: number, work: () => Promise<unknown>): Promise<Statements> => {
      const before = counter.read()
      await work()
      return between(before, counter.read(), each)
    }
    await oneByOne(flow, warmUp.alone)
    return {
      alone: await during(single, () => oneByOne(flow, single)),
      loaded: await during(together, () => atOnce(flow, together)),
      idle: await during(quietMs / 1_000, () => new Promise((resolve) => setTimeout(resolve, quietMs)))
    }
  } finally {
    await server.stop()
  }
}

/** A round on a new database; `counting` adds the pass that counts statements. */
export const runRound = async (
  side: Side,
  adminUrl: string | undefined,
  counting: boolean
): Promise<{ readonly round: Round; readonly statements: StatementRound | undefined }> => {
  await using resources = new AsyncDisposableStack()
  const databaseUrl = side.embedded || adminUrl === undefined
    ? undefined
    : resources.use(await freshDatabase(adminUrl, side.name)).url
  const prepared = await side.prepare(databaseUrl)
  resources.defer(prepared.clean)
  const cold = await prepared.start()
  await cold.stop()
  const server = await prepared.start()
  let round: Round
  try {
    round = await measure(server, prepared, cold.readyMs)
  } finally {
    await server.stop()
  }
  const flows = warmUp.alone + single + together
  const statements = counting && databaseUrl !== undefined ? await count(prepared, databaseUrl) : undefined
  await prepared.check(flows + warmUp.together + (statements === undefined ? 0 : flows))
  return { round, statements }
}
