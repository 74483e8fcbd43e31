/**
 * What keeps one service's trouble from the others: each has its own time-out, retries, circuit breaker and places, from
 * its settings (`ServiceName.ts`), and says how they stand in the metrics.
 */
import { Config, Effect, type Exit, Schema, Semaphore, Stream } from "effect"
import { HttpClient, type HttpClientResponse } from "effect/http"
import { CircuitBreaker } from "effect/persistence"
import * as HttpMetrics from "../telemetry/metrics/HttpMetrics.ts"
import { type ServiceTargetName, serviceTargets, targetNames } from "./ServiceName.ts"

/** So many calls of a service may wait for a place; one more is refused, and its caller tries again later. */
const longestLine = 10_000

/** Too many calls of this service wait already. */
export class TooManyCalls extends Schema.TaggedError<TooManyCalls>()("TooManyCalls", {}) {}

/** A service that answers 429 or 503 is there and says when to come back: only silence and faults trip the breaker. */
const classify = <E>(exit: Exit.Exit<HttpClientResponse.HttpClientResponse, E>) =>
  exit._tag === "Success" && (exit.value.status === 503 || exit.value.status === 429)
    ? Effect.succeed<CircuitBreaker.Outcome>({ _tag: "Success" })
    : HttpClient.circuitBreakerClassifier(exit)

/** Runs work in one of so many places. */
const bulkhead = Effect.fnUntraced(function* (service: string, places: number) {
  const semaphore = yield* Semaphore.make(places)
  let [underWay, waiting] = [0, 0]
  const tell = () => HttpMetrics.callsAre(service, underWay, waiting)
  return <A, E, R>(work: Effect.Effect<A, E, R>): Effect.Effect<A, E | TooManyCalls, R> =>
    Effect.suspend((): Effect.Effect<A, E | TooManyCalls, R> => {
      if (waiting >= longestLine) {
        HttpMetrics.serviceRefused(service, "full")
        return Effect.fail(new TooManyCalls())
      }
      let isWaiting = true
      waiting++
      const leaveLine = () => {
        if (isWaiting) waiting--
        isWaiting = false
      }
      const run = Effect.suspend(() => {
        leaveLine()
        underWay++
        tell()
        return Effect.ensuring(
          work,
          Effect.sync(() => {
            underWay--
            tell()
          })
        )
      })
      return Effect.ensuring(semaphore.withPermit(run), Effect.sync(leaveLine))
    })
})

const policy = Effect.fnUntraced(function* (name: ServiceTargetName) {
  const { baseUrl, calls, failures, pause, retries, timeout } = serviceTargets[name]
  const settings = yield* Config.all({ baseUrl, calls, failures, pause, retries, timeout })
  const service = targetNames[name]
  const breaker = yield* CircuitBreaker.make({
    tripPolicy: CircuitBreaker.consecutive(settings.failures),
    openDuration: settings.pause
  })
  HttpMetrics.serviceKnown(service)
  yield* Effect.forkScoped(
    Stream.runForEach(breaker.transitions, ({ to }) => Effect.sync(() => HttpMetrics.breakerIs(service, to)))
  )
  return {
    ...settings,
    service,
    inPlace: yield* bulkhead(service, settings.calls),
    guarded: <E, R>(attempt: Effect.Effect<HttpClientResponse.HttpClientResponse, E, R>) =>
      breaker.execute(attempt, { key: name, classify })
  }
})

/** The policies of all services. */
export const all = Effect.gen(function* () {
  return {
    core: yield* policy("core"),
    notifications: yield* policy("notifications"),
    payments: yield* policy("payments"),
    tickets: yield* policy("tickets"),
    scans: yield* policy("scans")
  }
})
