/** A request whose body is bounded, whoever reads it: JSON by `JsonBounds`, text as UTF-8 without a fault. */
import { Effect } from "effect"
import type { HttpServerError, HttpServerRequest } from "effect/http"
import { begin, bounds, type Flaw } from "./JsonBounds.ts"

/** Why a body is not read: a bound, with its place, or bytes that are no UTF-8. */
export type BodyFault = Flaw | "not UTF-8"

/** Long bodies are checked in steps of this many bytes, with a turn for others between them. */
const step = 256 * 1024

const decoder = new TextDecoder("utf-8", { fatal: true })

/** Whether the body's sender says that it is compressed: nothing here inflates. */
export const isEncoded = ({ headers }: HttpServerRequest.HttpServerRequest): boolean =>
  (headers["content-encoding"] ?? "identity").trim().toLowerCase() !== "identity"

/** A picture is bounded by its size alone; whatever is read as text is checked all the same. */
const isPicture = ({ headers }: HttpServerRequest.HttpServerRequest): boolean =>
  (headers["content-type"] ?? "").trimStart().toLowerCase().startsWith("image/")

/** The first bound that a body passes. */
export const flawOf = (bytes: Uint8Array): Effect.Effect<Flaw | undefined> => {
  const scan = begin(bytes, bounds)
  if (bytes.length <= step) return Effect.sync(() => scan.step(bytes.length))
  return Effect.gen(function* () {
    for (let to = step; to < bytes.length; to += step) {
      const flaw = scan.step(to)
      if (flaw !== undefined) return flaw
      yield* Effect.yieldNow
    }
    return scan.step(bytes.length)
  })
}

type Body = Effect.Effect<ArrayBuffer, HttpServerError.HttpServerError>

/** Runs the reading of a body. */
type Reading = (body: Body) => Body

/**
 * The same request, for every reader of its body. What is refused is a defect: `refuse` makes an answer of it that the
 * server sends whatever its reader does with failures. `reading` runs what waits for the body's bytes.
 */
export const boundedRequest = (
  request: HttpServerRequest.HttpServerRequest,
  refuse: (fault: BodyFault) => unknown,
  reading: Reading = (body) => body
): HttpServerRequest.HttpServerRequest => {
  const checked = Effect.runSync(Effect.cached(
    reading(Effect.suspend((): Body => request.arrayBuffer)).pipe(
      Effect.tap((body) =>
        Effect.flatMap(
          flawOf(new Uint8Array(body)),
          (flaw) => flaw === undefined ? Effect.void : Effect.die(refuse(flaw))
        )
      )
    )
  ))
  const text = Effect.flatMap(checked, (body) => {
    try {
      return Effect.succeed(decoder.decode(body))
    } catch {
      return Effect.die(refuse("not UTF-8"))
    }
  })
  return Object.create(request, {
    arrayBuffer: { get: () => isPicture(request) ? reading(request.arrayBuffer) : checked },
    text: { get: () => text },
    modify: {
      value: (options: Parameters<typeof request.modify>[0]) =>
        boundedRequest(request.modify(options), refuse, reading)
    }
  })
}
