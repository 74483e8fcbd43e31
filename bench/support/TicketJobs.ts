/**
 * Jobs on a real server: one alone between two rounds of rendering alone, then one while scans come in steadily at
 * another event's gate, whose latency is measured before it too.
 */
import { type Generator, type Place, startGenerator } from "./Generator.ts"
import type { Loader } from "./Loader.ts"
import { type MemoryCurve, watchMemory } from "./Memory.ts"
import { median } from "./Numbers.ts"
import { type JobTimes, runJob } from "./OrganiserClient.ts"
import type { PureRendering } from "./PureRendering.ts"

/** Milliseconds, medians of windows of so many seconds; during a job only windows that ended before it did. */
export interface ScanFigures {
  readonly p50_ms: number
  readonly p99_ms: number
  readonly windows: number
  readonly seconds: number
}

/** Seconds from the POST to `completed`, and of rendering alone before and after. */
export interface JobFigures {
  readonly accepted_ms: number
  readonly seconds: number
  readonly pure_seconds: readonly [before: number, after: number]
  readonly ratio: number
  readonly memory: MemoryCurve
  readonly with_scans_seconds: number
  readonly scans: { readonly quiet: ScanFigures; readonly during: ScanFigures }
}

/** Scans a second at the gate. */
export const scanRate = 100

const gate = { eventId: 1, tickets: 40_000 } as const
/** A file system that was not written to lately looks long for its first some thousand free inodes. */
const warmUp = { eventId: 2, tickets: 4_000 } as const
const alone = 3
const scanned = 4
const quietWindows = 3

interface Window {
  readonly p50: number
  readonly p99: number
  readonly ended: number
}

const makeScans = ({ operator, server }: Generator, loader: Loader) => {
  let first = 1
  return async (seconds: number): Promise<Window> => {
    const { accepted, p50, p99 } = await loader.run({
      url: server.url,
      token: operator,
      eventId: gate.eventId,
      first,
      connections: 16,
      rate: scanRate,
      warmUp: { scans: 0 },
      measured: { seconds }
    })
    first += accepted
    return { p50, p99, ended: performance.now() }
  }
}

const figuresOf = (windows: ReadonlyArray<Window>, seconds: number): ScanFigures => ({
  p50_ms: median(windows.map(({ p50 }) => p50)),
  p99_ms: median(windows.map(({ p99 }) => p99)),
  windows: windows.length,
  seconds
})

const secondsOf = ({ ended, posted }: JobTimes): number => (ended - posted) / 1_000

const withScans = async (
  scan: (seconds: number) => Promise<Window>,
  seconds: number,
  job: () => Promise<JobTimes>
) => {
  await scan(1)
  const quiet: Array<Window> = []
  for (let at = 0; at < quietWindows; at++) quiet.push(await scan(seconds))
  const during: Array<Window> = []
  let running = true
  const times = job().finally(() => running = false)
  while (running) during.push(await scan(seconds))
  const { ended, ...rest } = await times
  const within = during.filter((window) => window.ended <= ended)
  return {
    with_scans_seconds: secondsOf({ ...rest, ended }),
    scans: {
      quiet: figuresOf(quiet, seconds),
      during: figuresOf(within.length > 0 ? within : during, seconds)
    }
  }
}

/** Measures jobs of `count` tickets; fails unless every ticket was generated once. */
export const measureJobs = async (
  place: Place,
  count: number,
  loader: Loader,
  pure: PureRendering
): Promise<JobFigures> => {
  await using generator = await startGenerator(place, [gate.tickets, warmUp.tickets, count, count])
  const { organiser, server, tickets } = generator
  let done = 0
  const job = (eventId: number) => {
    done = 0
    return runJob(
      server.url,
      organiser,
      tickets[eventId - 1] ?? [],
      ({ generated }) => done = generated ?? done
    )
  }
  await job(warmUp.eventId)
  const before = await pure.measure(alone, count)
  const memory = watchMemory(server.pid, () => done / count)
  const times = await job(alone)
  const curve = memory.stop()
  const after = await pure.measure(alone, count)
  const seconds = secondsOf(times)
  const window = Math.min(Math.max(seconds / 5, 1), 10)
  const beside = await withScans(makeScans(generator, loader), window, () => job(scanned))
  await generator.check([warmUp.eventId, alone, scanned])
  return {
    accepted_ms: times.accepted - times.posted,
    seconds,
    pure_seconds: [before, after],
    ratio: seconds / ((before + after) / 2),
    memory: curve,
    ...beside
  }
}
