/**
 * How long a request waits for its answer: a lock or a slow database holds nobody longer than a client waits. The
 * handler is interrupted, and the client told to send the same request again.
 */
import { type Duration, Effect } from "effect"
import { type HttpServerRequest, HttpServerResponse } from "effect/http"

/** A device waits five seconds for a scan; documents and long bodies take their time. */
const routes: ReadonlyArray<readonly [path: RegExp, within: Duration.Input]> = [
  [/^\/api\/scans\/(validate|verify)$/, "4 seconds"],
  [/^\/api\/(internal\/)?scan-validation$/, "4 seconds"],
  [/^\/api\/scans\/batch$/, "1 minute"],
  [/^\/api\/orchestration\/complete-flow$/, "1 minute"],
  [/\.pdf$|\/documents?\b|\/logo\b/, "1 minute"],
  [/^\/files\//, "1 minute"]
]

const otherwise: Duration.Input = "15 seconds"

/** The time within which this request is answered; of a stream, the time to its head. */
export const deadlineOf = ({ url }: HttpServerRequest.HttpServerRequest): Duration.Input => {
  const end = url.search(/[?#]/)
  const path = end === -1 ? url : url.slice(0, end)
  return routes.find(([pattern]) => pattern.test(path))?.[1] ?? otherwise
}

const late = HttpServerResponse.empty({ status: 503, headers: { "retry-after": "2" } })

/** The answer, or 503 when it is not there in time. */
export const within = <E, R>(
  request: HttpServerRequest.HttpServerRequest,
  answer: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>
): Effect.Effect<HttpServerResponse.HttpServerResponse, E, R> =>
  Effect.timeoutOrElse(answer, {
    duration: deadlineOf(request),
    orElse: () =>
      Effect.as(
        Effect.logWarning("A request was not answered in time", { url: request.url.split("?", 1)[0] }),
        late
      )
  })
