/** Token buckets in the memory of this process: taken from without a fiber, and bounded however many keys come. */
import { makeRoom } from "../durable/MakeRoom.ts"
import type { Rate } from "./LimitClasses.ts"

/** What became of one request at its bucket. */
export interface Taken {
  readonly allowed: boolean
  /** Whole requests that are left. */
  readonly remaining: number
  /** Until one more is allowed; 0 when one is. */
  readonly waitMillis: number
  /** Until the bucket is full. */
  readonly fullMillis: number
}

interface Bucket {
  level: number
  at: number
}

/** The buckets that are remembered; those not used for longest make room, and are full long since. */
const most = 50_000

/** Buckets that forget nothing but the longest unused. */
export class LocalBuckets {
  readonly #buckets = new Map<string, Bucket>()
  readonly #now: () => number

  constructor(now: () => number) {
    this.#now = now
  }

  /** How many are remembered. */
  get size(): number {
    return this.#buckets.size
  }

  /** Takes one, if there is one. */
  take(key: string, { burst, perSecond }: Rate): Taken {
    const now = this.#now()
    const bucket = this.#buckets.get(key) ?? { level: burst, at: now }
    const refill = Math.max(0, now - bucket.at) * perSecond / 1_000
    bucket.level = Math.min(burst, bucket.level + refill)
    bucket.at = now
    const allowed = bucket.level >= 1
    if (allowed) bucket.level--
    this.#buckets.delete(key)
    this.#buckets.set(key, bucket)
    makeRoom(this.#buckets, most)
    return {
      allowed,
      remaining: Math.floor(bucket.level),
      waitMillis: Math.max(0, (1 - bucket.level) * 1_000 / perSecond),
      fullMillis: (burst - bucket.level) * 1_000 / perSecond
    }
  }

  /** Gives one back that should not have been counted. */
  giveBack(key: string): void {
    const bucket = this.#buckets.get(key)
    if (bucket !== undefined) bucket.level++
  }
}
