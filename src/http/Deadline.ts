/**
 * How long a caller is kept waiting: a lock, a full pool or a slow database holds nobody longer than a client waits.
 * What did not answer in time is interrupted, and whoever asked is told to send the same request again.
 */
import { Clock, Config, Context, Duration, Effect, Fiber, Layer } from "effect"
import { type HttpServerRequest, HttpServerResponse } from "effect/http"

/** A device waits five seconds for the answer to a scan, and the answer has to reach it. */
const usual = Duration.seconds(4)

/** `REQUEST_DEADLINE`: how long the routes that have no time of their own may take. */
export const requestDeadline: Config.Config<Duration.Duration> = Config.withDefault(
  Config.Duration("REQUEST_DEADLINE"),
  usual
)

/** The same, as servers are given it. */
export const RequestDeadline = Context.Reference<Duration.Duration>("guichet/http/RequestDeadline", {
  defaultValue: () => usual
})

/** As it is configured. */
export const layer: Layer.Layer<never, Config.ConfigError> = Layer.effect(RequestDeadline, requestDeadline)

/** What is drawn, or worked through in thousands, while the caller waits: clients wait longer for it. */
const long = Duration.seconds(30)

/** A body up to this many bytes is work like any other. */
const shortBody = 65_536

/** Bodies that name up to ten thousand guests, tickets or scans. */
const uploads = /^\/api\/(scans\/batch|orchestration\/complete-flow|tickets\/generation-jobs)\/?$/

/** Documents, files, and services that ask somebody else meanwhile. */
const slow: ReadonlyArray<readonly [path: RegExp, within: Duration.Duration]> = [
  [/^\/api\/(events\/[^/]+\/offline-bundle|invoices\/[^/]+|templates\/[^/]+\/logo)\/?$/, long],
  [/^\/files\/|\/tickets\.pdf\/?$/, long],
  // A second less than their callers wait (`serviceTargets`): mail servers and payment providers are asked meanwhile.
  [/^\/api\/notifications\/send\/?$/, Duration.seconds(9)],
  [/^\/api\/(refund|payments(\/[^/]+\/(refunds|cancel|checks))?)\/?$/, Duration.seconds(14)]
]

/** The time of a request; of a stream, the time to its first byte. */
export const deadlineOf = (
  { headers, method, url }: Pick<HttpServerRequest.HttpServerRequest, "headers" | "method" | "url">,
  otherwise: Duration.Duration
): Duration.Duration => {
  const end = url.search(/[?#]/)
  const path = end === -1 ? url : url.slice(0, end)
  const own = method === "POST" && uploads.test(path)
    ? Number(headers["content-length"] ?? Infinity) > shortBody ? long : undefined
    : slow.find(([pattern]) => pattern.test(path))?.[1]
  return own === undefined ? otherwise : Duration.max(own, otherwise)
}

/** When a request that comes from a fast path was begun there, in milliseconds of the clock; its time has run since. */
export const BegunAt = Context.Reference<number | undefined>("guichet/http/Deadline/BegunAt", {
  defaultValue: () => undefined
})

/** Runs the reading of a body: the clock of the request stands still, since the client sets the pace. */
export type WhileReading = <A, E, R>(body: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>

/** A wait that is not over because a body still comes is looked at again this much later. */
const again = 100

const late = HttpServerResponse.empty({ status: 503, headers: { "retry-after": "2" } })

/** The answer, or 503 when it is not there in time: its work is interrupted, and nobody waits for that either. */
export const within = <E, R>(
  request: HttpServerRequest.HttpServerRequest,
  limit: Duration.Duration,
  answer: (whileReading: WhileReading) => Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>
): Effect.Effect<HttpServerResponse.HttpServerResponse, E, R> =>
  Effect.gen(function* () {
    const clock = yield* Clock.Clock
    let left = Duration.toMillis(limit)
    let since = (yield* BegunAt) ?? clock.currentTimeMillisUnsafe()
    let readers = 0

    const spend = () => {
      const now = clock.currentTimeMillisUnsafe()
      if (readers === 0) left -= now - since
      since = now
    }
    const whileReading: WhileReading = (body) =>
      Effect.suspend(() => {
        spend()
        readers++
        return Effect.ensuring(
          body,
          Effect.sync(() => {
            spend()
            readers--
          })
        )
      })

    const over = Effect.whileLoop({
      while: () => {
        spend()
        return left > 0
      },
      body: () => Effect.sleep(Math.max(left, again)),
      step: () => {}
    })
    const expired = Effect.andThen(
      over,
      Effect.as(
        Effect.logWarning("A request was not answered in time", { url: request.url.split(/[?#]/, 1)[0] }),
        late
      )
    )
    const work = yield* Effect.forkDetach(answer(whileReading), { startImmediately: true })
    return yield* Effect.raceFirst(Fiber.join(work), expired).pipe(
      Effect.onInterrupt(() => Fiber.interrupt(work)),
      Effect.interruptible,
      Effect.ensuring(Effect.sync(() => work.interruptUnsafe()))
    )
  })
