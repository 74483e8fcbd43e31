/**
 * Idempotency-Key on POST: the same request twice is answered once, and the second time with the very same
 * answer.
 */
import { Context, Effect, Fiber, Layer, Option } from "effect"
import { HttpEffect, HttpServerRequest, HttpServerResponse } from "effect/http"
import { HttpApiMiddleware } from "effect/http-api"
import { createHash } from "node:crypto"
import { IdempotencyStore, type KeyedRequest, type StoredAnswer } from "../../store/IdempotencyStore.ts"
import { trimEnd } from "../../bounds/Trim.ts"
import { organizerHeader } from "./Organizer.ts"
import { CurrentCaller } from "./CurrentCaller.ts"
import { IdempotencyKeyInUse, IdempotencyKeyReused, InvalidRequest } from "../../http/Problems.ts"
import { requestIdHeader } from "../../http/RequestId.ts"

/** The header that carries the key. */
export const idempotencyKeyHeader = "idempotency-key"

/** Caller and key of the request being answered, for identifiers that a second execution must make again. */
export const IdempotencyKey = Context.Reference<
  Option.Option<{ readonly caller: string; readonly key: string }>
>(
  "guichet/http/IdempotencyKey",
  { defaultValue: Option.none }
)

const wellFormed = /^[\x21-\x7e]{1,255}$/

const notStored = new Set([requestIdHeader, "content-length", "connection", "date", "set-cookie"])

const badKey = new InvalidRequest({
  detail: "The Idempotency-Key is 1 to 255 visible ASCII characters.",
  errors: [{
    in: "header",
    parameter: idempotencyKeyHeader,
    detail: "Send 1 to 255 visible ASCII characters."
  }]
})

/** An answer worth keeping: whole, and not a refusal that the same request may not meet again. */
const toStored = (response: HttpServerResponse.HttpServerResponse): Option.Option<StoredAnswer> => {
  const { body, headers, status } = response
  if (status >= 500 || status === 499 || status === 408 || status === 429) return Option.none()
  if (body._tag !== "Uint8Array" && body._tag !== "Empty") return Option.none()
  return Option.some({
    status,
    headers: Object.fromEntries(Object.entries(headers).filter(([name]) => !notStored.has(name))),
    body: body._tag === "Empty" ? new Uint8Array() : body.body
  })
}

const replay = ({ body, headers, status }: StoredAnswer): HttpServerResponse.HttpServerResponse => {
  const all = { ...headers, "cache-control": "no-store", "idempotency-replayed": "true" }
  return body.length === 0
    ? HttpServerResponse.empty({ status, headers: all })
    : HttpServerResponse.uint8Array(body, {
      status,
      headers: all,
      contentType: headers["content-type"] ?? "application/json"
    })
}

const keyedRequest = Effect.fnUntraced(function* (caller: string, key: string) {
  const request = yield* HttpServerRequest.HttpServerRequest
  const body = new Uint8Array(yield* Effect.orDie(request.arrayBuffer))
  const [path = "", ...query] = request.url.split("?")
  const url = [trimEnd(path, "/"), ...query].join("?")
  const organizer = request.headers[organizerHeader]
  const bodyDigest = createHash("sha256")
    .update(`${request.method}\n${url}\n${organizer === undefined ? "" : `${organizer}\n`}`)
    .update(body).digest("hex")
  return {
    caller,
    key,
    route: `${request.method} ${url.split("?", 1)[0]}`,
    bodyDigest
  } satisfies KeyedRequest
})

/** A caller who is told to come again waits half a second at most for the key to be free; it becomes free all the same. */
const shortly = <A>(release: Effect.Effect<A>) =>
  Effect.forkDetach(release).pipe(
    Effect.flatMap((fiber) => Effect.timeoutOption(Fiber.join(fiber), "500 millis")),
    Effect.asVoid
  )

/** Add it to a group between `ProblemMiddleware` and `Authorization`. */
export class Idempotency extends HttpApiMiddleware.Service<Idempotency, { requires: CurrentCaller }>()(
  "guichet/api/rules/Idempotency",
  { error: [IdempotencyKeyInUse, IdempotencyKeyReused, InvalidRequest] }
) {
  /** Keeps keys in `IdempotencyStore`. What leaves is what is stored, whoever wrote it, problems included. */
  static readonly layer: Layer.Layer<Idempotency, never, IdempotencyStore> = Layer.effect(
    Idempotency,
    Effect.gen(function* () {
      const store = yield* IdempotencyStore

      const keep = (request: KeyedRequest, fence: string) =>
        HttpEffect.appendPreResponseHandler((_request, response) =>
          Option.match(toStored(response), {
            onNone: () => shortly(store.release(request, fence)),
            onSome: (answer) => Effect.asVoid(store.finish(request, fence, answer))
          }).pipe(
            Effect.timeout("5 seconds"),
            Effect.catchCause(() => Effect.logError("An answer could not be kept under its Idempotency-Key")),
            Effect.as(response)
          )
        )

      return Idempotency.of(Effect.fnUntraced(function* (answer) {
        const request = yield* HttpServerRequest.HttpServerRequest
        const key = request.headers[idempotencyKeyHeader]
        if (key === undefined || request.method !== "POST") return yield* answer
        if (!wellFormed.test(key)) return yield* badKey
        const caller = yield* CurrentCaller
        const keyed = yield* keyedRequest(caller.tokenId, key)
        const state = yield* store.take(keyed)
        switch (state._tag) {
          case "Finished":
            return replay(state.answer)
          case "InUse":
            return yield* new IdempotencyKeyInUse({
              detail: "Wait as long as Retry-After says, then send the same request again for its answer.",
              retry_after: state.retryAfter
            })
          case "Reused":
            return yield* new IdempotencyKeyReused({
              detail:
                "Send a new Idempotency-Key for a new request, or the same request again under this one."
            })
          case "Taken":
            yield* keep(keyed, state.fence)
            return yield* Effect.provideService(
              answer,
              IdempotencyKey,
              Option.some({ caller: caller.tokenId, key })
            )
        }
      }))
    })
  )
}
