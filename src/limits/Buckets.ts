/** Where the requests of callers are counted: on Redis for all processes together, or in the memory of each. */
import { Clock, Context, Duration, Effect, Layer } from "effect"
import { RateLimiter, type Redis } from "effect/persistence"
import type { Rate } from "./LimitClasses.ts"
import { LocalBuckets, type Taken } from "./LocalBuckets.ts"

/** A Redis that does not answer for so long limits nobody. */
const patience = Duration.millis(250)

/** A count that fails is reported at most this often. */
const quietMillis = 60_000

/** Not below `guichet:`, where the generator's queue is. */
const prefix = "guichet-limits:"

const uncounted = ({ burst }: Rate): Taken => ({
  allowed: true,
  remaining: burst,
  waitMillis: 0,
  fullMillis: 0
})

const refused = (retryAfter: Duration.Duration, { burst, perSecond }: Rate): Taken => ({
  allowed: false,
  remaining: 0,
  waitMillis: Duration.toMillis(retryAfter),
  fullMillis: burst * 1_000 / perSecond
})

/** Takes one of a key's requests. A store that fails lets it pass: limits protect the work, and are not the work. */
export class Buckets extends Context.Service<Buckets, {
  readonly take: (key: string, rate: Rate) => Effect.Effect<Taken>
}>()("guichet/limits/Buckets") {
  /** Each process counts for itself. */
  static readonly layerLocal: Layer.Layer<Buckets> = Layer.effect(
    Buckets,
    Effect.map(Clock.Clock, (clock) => {
      const buckets = new LocalBuckets(() => clock.currentTimeMillisUnsafe())
      return Buckets.of({ take: (key, rate) => Effect.sync(() => buckets.take(key, rate)) })
    })
  )

  /** All processes count together. */
  static readonly layerRedis: Layer.Layer<Buckets, never, Redis.Redis> = Layer.effect(
    Buckets,
    Effect.gen(function* () {
      const limiter = yield* RateLimiter.RateLimiter
      let reportedAt = -Infinity

      const report = (rate: Rate) =>
        Effect.gen(function* () {
          const now = yield* Clock.currentTimeMillis
          if (now - reportedAt >= quietMillis) {
            reportedAt = now
            yield* Effect.logWarning("Redis does not count requests: nobody is limited by it for now")
          }
          return uncounted(rate)
        })

      return Buckets.of({
        take: (key, rate) =>
          limiter.consume({
            algorithm: "token-bucket",
            key,
            limit: rate.burst,
            window: Duration.millis(rate.burst * 1_000 / rate.perSecond),
            onExceeded: "fail"
          }).pipe(
            Effect.map(({ remaining, resetAfter }): Taken => ({
              allowed: true,
              remaining: Math.floor(remaining),
              waitMillis: 0,
              fullMillis: Duration.toMillis(resetAfter)
            })),
            Effect.timeout(patience),
            Effect.withTracerEnabled(false),
            Effect.catchTags({
              RateLimiterError: ({ reason }) =>
                reason._tag === "RateLimitExceeded"
                  ? Effect.succeed(refused(reason.retryAfter, rate))
                  : report(rate),
              TimeoutError: () => report(rate)
            })
          )
      })
    })
  ).pipe(Layer.provide(RateLimiter.layer), Layer.provide(RateLimiter.layerStoreRedis({ prefix })))
}
