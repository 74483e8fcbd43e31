/**
 * The answers of other servers, of any length and shape. Guards whose removal turns this file red: the count of bytes as
 * they come, the bounds of the JSON, and the body that is read once.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit } from "effect"
import { HttpClientRequest, HttpClientResponse } from "effect/http"
import { boundedResponse } from "../../src/bounds/BoundedResponse.ts"

const request = HttpClientRequest.get("http://service.example/")

const answered = (body: BodyInit | null, status = 200) =>
  boundedResponse(HttpClientResponse.fromWeb(request, new Response(body, { status })))

/** Bytes without an end: whoever reads them all never comes back. */
const endless = () =>
  new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(65_536).fill(32)) })

const reasonOf = <A, E extends { readonly reason: { readonly description?: string | undefined } }>(
  body: Effect.Effect<A, E>
) => Effect.map(Effect.flip(body), ({ reason }) => reason.description ?? "")

describe("an answer", () => {
  it.effect("is read as text, as JSON and as bytes, more than once", () =>
    Effect.gen(function* () {
      const answer = answered(`{"a":[1,"é"]}`)
      assert.deepStrictEqual(yield* answer.json, { a: [1, "é"] })
      assert.strictEqual(yield* answer.text, `{"a":[1,"é"]}`)
      assert.strictEqual((yield* answer.arrayBuffer).byteLength, 14)
      assert.strictEqual(answer.status, 200)
    }))

  it.effect("may have no body", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* answered(null, 204).text, "")
      assert.isNull(yield* answered("").json)
    }))

  it.effect("without an end is refused", () =>
    Effect.gen(function* () {
      assert.include(yield* reasonOf(answered(endless()).arrayBuffer), "more than")
      assert.include(yield* reasonOf(answered(endless()).json), "more than")
    }))

  it.effect("that is too deep is refused before it is parsed", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(answered("[".repeat(1_000_000)).json)
      assert.isTrue(Exit.isFailure(exit))
      assert.include(yield* reasonOf(answered(`{"a":${"[".repeat(40)}`).json), "/a")
    }))
})
