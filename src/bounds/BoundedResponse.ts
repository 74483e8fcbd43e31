/** An answer of another server, whose body is bounded like a request's: nobody is trusted with our memory. */
import { Effect, Stream } from "effect"
import { HttpClientError, type HttpClientResponse } from "effect/http"
import { flawOf } from "./BoundedRequest.ts"

/** The longest answer that a service of ours gives: 4 MiB. */
const longest = 4 * 1024 * 1024

const joined = (chunks: ReadonlyArray<Uint8Array>, length: number): Uint8Array<ArrayBuffer> => {
  const whole = new Uint8Array(length)
  let at = 0
  for (const chunk of chunks) {
    whole.set(chunk, at)
    at += chunk.length
  }
  return whole
}

/** The same answer; reading its body fails where it is too long, or where its JSON passes a bound. */
export const boundedResponse = (
  response: HttpClientResponse.HttpClientResponse
): HttpClientResponse.HttpClientResponse => {
  const refused = (description: string) =>
    new HttpClientError.HttpClientError({
      reason: new HttpClientError.DecodeError({ request: response.request, response, description })
    })
  const read = Effect.gen(function* () {
    const chunks: Array<Uint8Array> = []
    let length = 0
    const take = (chunk: Uint8Array) => {
      length += chunk.length
      chunks.push(chunk)
      return length > longest
        ? Effect.fail(refused(`The answer has more than ${longest} bytes`))
        : Effect.void
    }
    yield* Stream.runForEach(response.stream, take).pipe(
      Effect.catchIf(({ reason }) => reason._tag === "EmptyBodyError", () => Effect.void)
    )
    const whole = joined(chunks, length)
    const flaw = yield* flawOf(whole)
    if (flaw !== undefined) return yield* refused(`The answer is too large at ${flaw.pointer}`)
    return whole.buffer
  })
  const body = Effect.runSync(Effect.cached(read))
  return Object.create(response, { arrayBuffer: { get: () => body } })
}
