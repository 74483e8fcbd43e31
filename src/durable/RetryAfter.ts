/** How long to wait before another attempt when the other side says so itself. */
import { Duration, Effect, Option } from "effect"
import type { HttpClientResponse } from "effect/http"

/** Longer waits than this are the caller's to plan, not an attempt's to sit through. */
const longest = Duration.seconds(30)

/** The wait that a `Retry-After` asks for, in seconds or as an HTTP date (RFC 9110 §10.2.3). */
export const retryAfterOf = (header: string | undefined, now: number): Option.Option<Duration.Duration> => {
  if (header === undefined) return Option.none()
  const millis = /^\d+$/.test(header.trim()) ? Number(header) * 1000 : Date.parse(header) - now
  return Number.isNaN(millis) ? Option.none() : Option.some(Duration.millis(Math.max(0, millis)))
}

/** The backoff, or what the answer asks for when that is longer. */
export const retryDelay = (
  backoff: Duration.Duration,
  response: HttpClientResponse.HttpClientResponse | undefined
): Effect.Effect<Duration.Duration> =>
  Effect.clockWith((clock) => {
    const asked = retryAfterOf(response?.headers["retry-after"], clock.currentTimeMillisUnsafe())
    return Effect.succeed(
      Duration.min(longest, Duration.max(backoff, Option.getOrElse(asked, () => Duration.zero)))
    )
  })
