/**
 * The measuring of a peer's no-op flow. The program's arguments are `<in flight> <seconds>`: it warms up, measures,
 * prints one line of JSON and ends. Without them it prints a line once it is ready, and then, for each line
 * `<in flight> <seconds>` on standard input, one line of JSON; it ends with its input. README.md says what a line has.
 */
import { readFileSync } from "node:fs"
import process from "node:process"
import { createInterface } from "node:readline"

/** A started peer. */
export interface Peer {
  /** Its name in the printed lines. */
  readonly name: string
  /** The processes that do its work, PostgreSQL's left out. */
  readonly pids: ReadonlyArray<number>
  /** Runs one flow of eight steps to its end; `id` is new. */
  readonly flow: (id: string) => Promise<unknown>
  readonly stop: () => Promise<void>
}

/** How many flows make the compilers warm, 32 at once. */
const warmUp = 320

/** Processor time of a process and its threads in milliseconds, at the 100 ticks a second of Linux. */
const processorMs = (pid: number): number => {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  return (Number(fields[11]) + Number(fields[12])) * 10
}

const percentile = (sorted: ReadonlyArray<number>, share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ??
    Number.NaN

const hundredths = (value: number): number => Math.round(value * 100) / 100

let count = 0

/** Latencies of flows: each of `inFlight` begins the next when its own has ended, as long as `more` says so. */
const together = async (
  peer: Peer,
  inFlight: number,
  more: () => boolean
): Promise<Array<number>> => {
  const latencies: Array<number> = []
  await Promise.all(Array.from({ length: inFlight }, async () => {
    while (more()) {
      const began = performance.now()
      await peer.flow(`flow-${process.pid}-${count++}`)
      latencies.push(performance.now() - began)
    }
  }))
  return latencies
}

const measure = async (
  peer: Peer,
  inFlight: number,
  seconds: number
): Promise<object> => {
  const processor = () => peer.pids.reduce((sum, pid) => sum + processorMs(pid), 0)
  const before = processor()
  const began = performance.now()
  const end = began + seconds * 1_000
  const latencies = (await together(peer, inFlight, () => performance.now() < end)).sort((
    one,
    other
  ) => one - other)
  const took = (performance.now() - began) / 1_000
  return {
    peer: peer.name,
    in_flight: inFlight,
    seconds: hundredths(took),
    flows: latencies.length,
    flows_per_second: hundredths(latencies.length / took),
    p50_ms: hundredths(percentile(latencies, 0.5)),
    p99_ms: hundredths(percentile(latencies, 0.99)),
    processor_ms_per_flow: hundredths(
      (processor() - before) / latencies.length
    )
  }
}

const print = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`)

/** Does what the arguments or the lines of standard input say, and stops the peer. */
export const serveRuns = async (peer: Peer): Promise<void> => {
  try {
    let left = warmUp
    await together(peer, 32, () => left-- > 0)
    const [inFlight, seconds] = process.argv.slice(2)
    if (inFlight !== undefined) {
      print(await measure(peer, Number(inFlight), Number(seconds ?? 5)))
      return
    }
    print({ peer: peer.name, ready: true, pids: peer.pids })
    for await (const line of createInterface({ input: process.stdin })) {
      const [inFlight = "1", seconds = "5"] = line.trim().split(/\s+/)
      print(await measure(peer, Number(inFlight), Number(seconds)))
    }
  } finally {
    await peer.stop()
  }
}
