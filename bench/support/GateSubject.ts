/** A gate under measurement: it is given tickets that nobody has scanned yet, and keeps its figures. */
import type { Gate } from "./Gates.ts"
import type { Loader } from "./Loader.ts"
import type { LoadResult, Phase } from "./LoadPlan.ts"

/** Scans a second, and milliseconds. */
export type Figures = Pick<LoadResult, "per_second" | "p50" | "p99">

const connections = 64

/** The rate of a steady load, in scans a second. */
export const steadyRate = 300

/** Figures grow by one a round. */
export class Subject {
  readonly name: string
  readonly closed: Array<Figures> = []
  readonly steady: Array<Figures> = []
  /** What a scan costs at the large event, as a share of what it costs at a small one. */
  readonly growth: Array<number> = []
  readonly #gate: Gate
  readonly #loader: Loader
  readonly #next = new Map<number, number>()
  #accepted = 0

  constructor(name: string, gate: Gate, loader: Loader) {
    this.name = name
    this.#gate = gate
    this.#loader = loader
  }

  /** Every connection sends its next scan when it has the answer to the one before. */
  async measureClosed(eventId: number, warmUp: Phase, measured: Phase): Promise<void> {
    this.closed.push(await this.#load(eventId, null, warmUp, measured))
  }

  /** Scans are sent when they are due, whether the earlier ones are answered or not. */
  async measureSteady(eventId: number, warmUp: Phase, measured: Phase): Promise<void> {
    this.steady.push(await this.#load(eventId, steadyRate, warmUp, measured))
  }

  /** The same scans at a small and at a large event, the order given. */
  async measureGrowth(small: number, large: number, order: "small first" | "large first"): Promise<void> {
    const at = (eventId: number) => this.#load(eventId, null, { scans: 100 }, { scans: 900 })
    const early = await at(order === "small first" ? small : large)
    const late = await at(order === "small first" ? large : small)
    const ratio = early.per_second / late.per_second
    this.growth.push(order === "small first" ? ratio : 1 / ratio)
  }

  /** Stops the gate and compares what it stored with what it answered. */
  check(): Promise<void> {
    return this.#gate.check(this.#accepted)
  }

  async #load(eventId: number, rate: number | null, warmUp: Phase, measured: Phase): Promise<LoadResult> {
    const first = this.#next.get(eventId) ?? 1
    const { token, url } = this.#gate
    const result = await this.#loader.run({ url, token, eventId, first, connections, rate, warmUp, measured })
    this.#next.set(eventId, first + result.accepted)
    this.#accepted += result.accepted
    return result
  }
}
