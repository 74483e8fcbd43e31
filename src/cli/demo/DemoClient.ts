/** A client of the core, as applications are: documented routes, a bearer token, live events. */
import { Effect, Option, Redacted, Schema, Stream } from "effect"
import { Sse } from "effect/encoding"
import { HttpClient, HttpClientRequest, type HttpClientResponse } from "effect/http"
import { Loopback, overHandler } from "../../trust/Loopback.ts"
import { DemoFailed } from "./DemoFailed.ts"
import { FlowEvent } from "./FlowEvent.ts"

/** Every answer that is not the documented one is a failure with a sentence. */
export interface DemoClient {
  readonly get: <A>(path: string, answer: Schema.ConstraintDecoder<A>) => Effect.Effect<A, DemoFailed>
  readonly bytes: (path: string) => Effect.Effect<Uint8Array, DemoFailed>
  readonly post: <A>(
    path: string,
    body: unknown,
    answer: Schema.ConstraintDecoder<A>
  ) => Effect.Effect<A, DemoFailed>
  readonly events: (path: string) => Stream.Stream<FlowEvent, DemoFailed>
}

const patience = "30 seconds"

const Problem = Schema.Struct({
  detail: Schema.String,
  errors: Schema.optionalKey(Schema.Array(Schema.Struct({
    pointer: Schema.optionalKey(Schema.String),
    detail: Schema.String
  })))
})

const decodeProblem = Schema.decodeUnknownOption(Schema.fromJsonString(Problem))

const words = (text: string): string =>
  Option.match(decodeProblem(text), {
    onNone: () => text.slice(0, 200),
    onSome: ({ detail, errors = [] }) =>
      [detail, ...errors.map((error) => `${error.pointer ?? "request"}: ${error.detail}`)].join("\n         ")
  })

const unanswered = (what: string) => (error: object) =>
  error instanceof DemoFailed ? error : new DemoFailed({
    message: `${what} was not answered as documented: ${"message" in error ? error.message : String(error)}`
  })

/** Speaks to the core of this process with one token. */
export const make = Effect.fn("DemoClient.make")(function* (token: Redacted.Redacted) {
  const handler = (yield* Loopback).find("core")
  if (handler === undefined) return yield* new DemoFailed({ message: "The core is not served." })
  const client = overHandler(handler).pipe(
    HttpClient.mapRequest((request) =>
      request.pipe(
        HttpClientRequest.prependUrl("http://localhost"),
        HttpClientRequest.bearerToken(token),
        HttpClientRequest.setHeader("accept-language", "en")
      )
    )
  )

  const ask = <A, E extends object>(
    request: HttpClientRequest.HttpClientRequest,
    read: (response: HttpClientResponse.HttpClientResponse) => Effect.Effect<A, E>
  ) => {
    const what = `${request.method} ${request.url.replace(/\?.*/, "")}`
    return Effect.gen(function* () {
      const response = yield* client.execute(request)
      if (response.status >= 200 && response.status < 300) return yield* read(response)
      const text = words(yield* response.text)
      return yield* new DemoFailed({ message: `${what} was answered ${response.status}. ${text}` })
    }).pipe(Effect.timeout(patience), Effect.mapError(unanswered(what)))
  }

  const decoded =
    <A>(answer: Schema.ConstraintDecoder<A>) => (response: HttpClientResponse.HttpClientResponse) =>
      Effect.flatMap(response.json, Schema.decodeUnknownEffect(answer))

  const events: DemoClient["events"] = (path) =>
    Stream.unwrap(Effect.map(
      ask(HttpClientRequest.get(path), (response) => Effect.succeed(response.stream)),
      (bytes) =>
        bytes.pipe(
          Stream.decodeText,
          Stream.pipeThroughChannel(Sse.decodeSchema(FlowEvent)),
          Stream.mapError(unanswered(`GET ${path}`))
        )
    ))

  return {
    get: (path, answer) => ask(HttpClientRequest.get(path), decoded(answer)),
    bytes: (path) =>
      Effect.map(
        ask(HttpClientRequest.get(path), (response) => response.arrayBuffer),
        (body) => new Uint8Array(body)
      ),
    post: (path, body, answer) =>
      ask(HttpClientRequest.post(path).pipe(HttpClientRequest.bodyJsonUnsafe(body)), decoded(answer)),
    events
  } satisfies DemoClient
})
