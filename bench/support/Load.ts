/** The load generator, a process of its own: a plan a line on standard input, its result a line on standard output. */
import { Buffer } from "node:buffer"
import process from "node:process"
import { createInterface } from "node:readline"
import body from "../../test/fixtures/bodies/3-scan-validate.request.json" with { type: "json" }
import { codeOf } from "./GateTickets.ts"
import { type Answer, HttpSocket } from "./HttpSocket.ts"
import type { LoadPlan, LoadResult, Phase } from "./LoadPlan.ts"
import { median, percentile } from "./Numbers.ts"

/** A scan that was not let in ends the bench: its figures would be of something else. */
const checkAccepted = ({ body, status }: Answer): void => {
  if (status !== 200 || !body.includes(`"result":"valid"`)) throw new Error(`Answered ${status}: ${body}`)
}

/** A connection and its request, of which only the ticket's code changes. */
class Scanner {
  readonly #plan: LoadPlan
  readonly #socket: HttpSocket
  readonly #request: Buffer
  readonly #code: number

  constructor(plan: LoadPlan, socket: HttpSocket) {
    this.#plan = plan
    this.#socket = socket
    const code = codeOf(plan.eventId, 0)
    const json = Buffer.from(JSON.stringify({ ...body, event_id: plan.eventId, ticket_code: code }))
    const head = [
      "POST /api/scans/validate HTTP/1.1",
      `host: ${new URL(plan.url).host}`,
      `authorization: Bearer ${plan.token}`,
      "content-type: application/json",
      `content-length: ${json.length}`
    ]
    this.#request = Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`), json])
    this.#code = this.#request.indexOf(code)
  }

  scan(number: number): Promise<Answer> {
    this.#request.write(codeOf(this.#plan.eventId, number), this.#code, "latin1")
    return this.#socket.ask(this.#request)
  }

  close(): void {
    this.#socket.close()
  }
}

/** The next ticket's number, and how long each scan took. */
class Tally {
  next: number
  latencies: Array<number> = []

  constructor(first: number) {
    this.next = first
  }

  note(answer: Answer, since: number): void {
    this.latencies.push(performance.now() - since)
    checkAccepted(answer)
  }
}

const closed = async (scanners: ReadonlyArray<Scanner>, tally: Tally, phase: Phase): Promise<void> => {
  const end = "seconds" in phase ? performance.now() + phase.seconds * 1_000 : Infinity
  const last = "scans" in phase ? tally.next + phase.scans : Infinity
  await Promise.all(scanners.map(async (scanner) => {
    for (let sent = performance.now(); sent < end && tally.next < last; sent = performance.now()) {
      tally.note(await scanner.scan(tally.next++), sent)
    }
  }))
}

const steady = async (
  scanners: ReadonlyArray<Scanner>,
  tally: Tally,
  phase: Phase,
  rate: number
): Promise<void> => {
  const free = [...scanners]
  const waiting: Array<number> = []
  const running: Array<Promise<void>> = []
  const run = async (scanner: Scanner, due: number) => {
    for (let since: number | undefined = due; since !== undefined; since = waiting.shift()) {
      tally.note(await scanner.scan(tally.next++), since)
    }
    free.push(scanner)
  }
  const count = "scans" in phase ? phase.scans : Math.round(phase.seconds * rate)
  const begun = performance.now()
  for (let at = 0; at < count; at++) {
    const due = begun + at * 1_000 / rate
    for (let early = due - performance.now(); early > 0; early = due - performance.now()) {
      await new Promise((resolve) => setTimeout(resolve, early))
    }
    const scanner = free.shift()
    if (scanner === undefined) waiting.push(due)
    else running.push(run(scanner, due))
  }
  await Promise.all(running)
}

const load = async (plan: LoadPlan): Promise<LoadResult> => {
  const sockets = await Promise.all(Array.from({ length: plan.connections }, () => HttpSocket.open(plan.url)))
  const scanners = sockets.map((socket) => new Scanner(plan, socket))
  const tally = new Tally(plan.first)
  const run = (phase: Phase) =>
    plan.rate === null ? closed(scanners, tally, phase) : steady(scanners, tally, phase, plan.rate)
  await run(plan.warmUp)
  tally.latencies = []
  const begun = performance.now()
  const processor = process.cpuUsage()
  await run(plan.measured)
  const { system, user } = process.cpuUsage(processor)
  const count = tally.latencies.length
  const seconds = (performance.now() - begun) / 1_000
  scanners.forEach((scanner) => scanner.close())
  return {
    accepted: tally.next - plan.first,
    per_second: count / seconds,
    p50: median(tally.latencies),
    p99: percentile(tally.latencies, 0.99),
    generator_us: (system + user) / count
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await load(JSON.parse(line) as LoadPlan))}\n`)
}
