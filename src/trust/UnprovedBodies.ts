/** The bodies of senders who have not proved themselves yet: a signature is over the body, so that it is read before. */
import { Effect, Option, Semaphore } from "effect"
import type { HttpServerRequest } from "effect/http"
import { bodyLimits, limitOf } from "../bounds/BodyLimits.ts"
import { Unavailable } from "../http/Problems.ts"

const kibibyte = 1024

/** What strangers may keep this process holding at one time, in KiB: 32 MiB. */
const places = Semaphore.makeUnsafe(32 * kibibyte)

const full = new Unavailable({
  detail: "Too many bodies are being read: send the request again.",
  retry_after: 1
})

/** What a body may come to: what it declares, or else as much as its route takes. */
const weightOf = (request: HttpServerRequest.HttpServerRequest): number => {
  const limit = limitOf(bodyLimits, request)
  const declared = Number(request.headers["content-length"] ?? limit)
  return Math.max(1, Math.ceil(Math.min(Number.isFinite(declared) ? declared : limit, limit) / kibibyte))
}

/** The raw bytes, within ten seconds and while there is room for them; 503 otherwise, as a Problem that is thrown. */
export const read = (request: HttpServerRequest.HttpServerRequest): Effect.Effect<Uint8Array<ArrayBuffer>> =>
  Effect.orDie(request.arrayBuffer).pipe(
    Effect.timeoutOrElse({ duration: "10 seconds", orElse: () => Effect.die(full) }),
    places.withPermitsIfAvailable(weightOf(request)),
    Effect.flatMap(
      Option.match({
        onNone: () => Effect.die(full),
        onSome: (bytes) => Effect.succeed(new Uint8Array(bytes))
      })
    )
  )
