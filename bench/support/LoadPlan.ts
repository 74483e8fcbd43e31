/** What the load generator is told and what it answers, a line of JSON each. */

/** How long a phase goes on: by the clock or by the number of scans. */
export type Phase = { readonly seconds: number } | { readonly scans: number }

/** Unique tickets of one event from number `first` on; the warm-up counts as accepted but is not measured. */
export interface LoadPlan {
  readonly url: string
  readonly token: string
  readonly eventId: number
  readonly first: number
  readonly connections: number
  /** Scans a second whatever the answers do, or null: each connection sends when its answer is there. */
  readonly rate: number | null
  readonly warmUp: Phase
  readonly measured: Phase
}

/** Latencies in milliseconds: from the send, at a steady rate from the moment a scan was due. */
export interface LoadResult {
  readonly accepted: number
  readonly per_second: number
  readonly p50: number
  readonly p99: number
  /** Processor time of the generator itself, per scan. */
  readonly generator_us: number
}
