/**
 * Every failure is a problem that says what to do, whoever wrote it.
 * Guards whose removal turns this file red: the clock of a request that stands still while its body comes.
 */
import { assert, describe, it as alone, layer } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { HttpRouter, HttpServer, HttpServerRequest, HttpServerResponse } from "effect/http"
import { TestClock } from "effect/testing"
import { toWebHandler } from "../../src/http/ServerRules.ts"
import { ExampleLayer, members, post, send } from "./ExampleApi.ts"

type Answer = { readonly status: number; readonly headers: Headers; readonly text: string }

const assertProblem = (answer: Answer, status: number, type: string) => {
  assert.strictEqual(answer.status, status)
  assert.strictEqual(answer.headers.get("content-type"), "application/problem+json")
  assert.strictEqual(answer.headers.get("x-content-type-options"), "nosniff")
  const problem = members(answer.text)
  assert.strictEqual(problem["status"], status)
  assert.strictEqual(problem["type"], `/problems/${type}`)
  assert.isAbove(String(problem["title"]).length, 5)
  assert.isAbove(String(problem["detail"]).length, 5)
  assert.match(String(problem["instance"]), /^req_/)
  return problem
}

const guest = { email: "jean@example.com", age: 30 }

layer(ExampleLayer, { excludeTestServices: true })("the HTTP house", (it) => {
  it.effect("answers 400 to a body that is not JSON, and to an empty one", () =>
    Effect.gen(function* () {
      assertProblem(yield* post('{"guests": ['), 400, "malformed-request")
      assertProblem(yield* post(""), 400, "malformed-request")
    }))

  it.effect("points at every wrong field of the body", () =>
    Effect.gen(function* () {
      const answer = yield* post({ guests: [{ email: 3, age: -1 }, { age: "x" }] })
      const problem = assertProblem(answer, 422, "invalid-request")
      const errors = problem["errors"] as ReadonlyArray<{ pointer: string; detail: string }>
      assert.deepStrictEqual(
        errors.map((error) => error.pointer),
        ["/guests/0/email", "/guests/0/age", "/guests/1/email", "/guests/1/age"]
      )
      for (const error of errors) assert.match(error.detail, /\.$/)
      assert.notInclude(answer.text, '"x"')
    }))

  it.effect("names the wrong path and query parameters", () =>
    Effect.gen(function* () {
      const path = assertProblem(yield* send("/api/guests/abc"), 422, "invalid-request")
      assert.deepInclude((path["errors"] as ReadonlyArray<object>)[0], { in: "path", parameter: "id" })
      const query = assertProblem(yield* send("/api/guests/2?limit=x"), 422, "invalid-request")
      assert.deepInclude((query["errors"] as ReadonlyArray<object>)[0], { in: "query", parameter: "limit" })
    }))

  it.effect("answers 404 to an unknown address and keeps the detail of a known one", () =>
    Effect.gen(function* () {
      assertProblem(yield* send("/nowhere"), 404, "not-found")
      const problem = assertProblem(yield* send("/api/guests/404"), 404, "not-found")
      assert.strictEqual(problem["detail"], "No guest has this id.")
    }))

  it.effect("answers 405 with Allow to a known address asked otherwise", () =>
    Effect.gen(function* () {
      const post = yield* send("/api/guests", { method: "DELETE" })
      assertProblem(post, 405, "method-not-allowed")
      assert.strictEqual(post.headers.get("allow"), "POST")
      const raw = yield* send("/raw/", { method: "POST" })
      assertProblem(raw, 405, "method-not-allowed")
      assert.strictEqual(raw.headers.get("allow"), "GET, HEAD")
    }))

  it.effect("answers with and without the trailing slash", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* send("/raw")).text, "raw")
      assert.strictEqual((yield* send("/raw/")).text, "raw")
      const slash = yield* send("/api/guests/", {
        method: "POST",
        body: JSON.stringify({ guests: [guest] }),
        headers: { "content-type": "application/json" }
      })
      assert.strictEqual(slash.status, 202)
    }))

  it.effect("answers 415 to another kind of body", () =>
    Effect.gen(function* () {
      assertProblem(yield* post("a=b", { "content-type": "text/plain" }), 415, "unsupported-media-type")
    }))

  it.effect("answers 413 to a body over the limit, declared or streamed", () =>
    Effect.gen(function* () {
      const large = JSON.stringify({ guests: [{ email: "x".repeat(1024 * 1024), age: 1 }] })
      const declared = yield* post(large, { "content-length": String(large.length) })
      assert.include(assertProblem(declared, 413, "body-too-large")["detail"], "at most 1048576 bytes")
      const stranger = { "content-length": String(large.length), authorization: "Bearer gct_unknown" }
      assertProblem(yield* post("{}", stranger), 413, "body-too-large")
      const chunks = new ReadableStream({
        start(controller) {
          controller.enqueue(new TextEncoder().encode(large))
          controller.close()
        }
      })
      assertProblem(
        yield* post("", {}, { body: chunks, duplex: "half" } as RequestInit),
        413,
        "body-too-large"
      )
    }))

  it.effect("answers 401 with a challenge to a stranger, before anything else is looked at", () =>
    Effect.gen(function* () {
      const answer = yield* post("{", { authorization: "Bearer gct_unknown" })
      assertProblem(answer, 401, "unauthenticated")
      assert.strictEqual(answer.headers.get("www-authenticate"), 'Bearer realm="guichet"')
      assertProblem(yield* post("{", { authorization: "Basic abc" }), 401, "unauthenticated")
    }))

  it.effect("answers 403 to a role that may not", () =>
    Effect.gen(function* () {
      const problem = assertProblem(yield* send("/api/guests/1"), 403, "forbidden")
      assert.include(String(problem["detail"]), "admin")
    }))

  it.effect("turns a domain error into a problem and keeps its members", () =>
    Effect.gen(function* () {
      const problem = assertProblem(yield* post({ guests: [], mode: "closed" }), 409, "guest-list-closed")
      assert.strictEqual(problem["event"], 7)
      assert.strictEqual(problem["title"], "Guest list closed")
    }))

  it.effect("answers 500 without a word of what failed", () =>
    Effect.gen(function* () {
      const answer = yield* post({ guests: [], mode: "die" })
      assertProblem(answer, 500, "internal-error")
      assert.notInclude(answer.text, "canary")
    }))

  it.effect("answers 503 with Retry-After when the cluster is busy", () =>
    Effect.gen(function* () {
      const busy = yield* post({ guests: [], mode: "busy" })
      assertProblem(busy, 503, "unavailable")
      assert.strictEqual(busy.headers.get("retry-after"), "2")
    }))

  it.effect("answers 503 when an entity does not answer in time", () =>
    Effect.gen(function* () {
      assertProblem(yield* post({ guests: [], mode: "slow" }), 503, "unavailable")
    }))

  it.effect("keeps a well-formed request id and replaces another", () =>
    Effect.gen(function* () {
      const kept = yield* send("/nowhere", { headers: { "x-request-id": "req_1234567890" } })
      assert.strictEqual(kept.headers.get("x-request-id"), "req_1234567890")
      assert.strictEqual(members(kept.text)["instance"], "req_1234567890")
      const replaced = yield* send("/raw", { headers: { "x-request-id": "bad id\t" + "x".repeat(200) } })
      assert.match(replaced.headers.get("x-request-id") ?? "", /^req_[0-9a-f]{32}$/)
    }))

  it.effect("keeps private answers out of caches", () =>
    Effect.gen(function* () {
      const answer = yield* send("/api/guests/2")
      assert.strictEqual(answer.status, 200)
      assert.strictEqual(answer.headers.get("cache-control"), "no-store")
      assert.strictEqual(answer.headers.get("x-content-type-options"), "nosniff")
    }))
})

const Echo = HttpRouter.add(
  "POST",
  "/echo",
  Effect.flatMap(
    HttpServerRequest.HttpServerRequest,
    (request) => Effect.map(Effect.orDie(request.text), (text) => HttpServerResponse.text(text))
  )
)

describe("the time of a request", () => {
  alone.effect("does not pass while its body comes, at the client's pace", () =>
    Effect.gen(function* () {
      const fetch = yield* toWebHandler(Echo)
      const reading = Promise.withResolvers<void>()
      const sent = Promise.withResolvers<void>()
      const body = new ReadableStream({
        async pull(controller) {
          reading.resolve()
          await sent.promise
          controller.enqueue(new TextEncoder().encode("slow"))
          controller.close()
        }
      }, { highWaterMark: 0 })
      const request = new Request(
        "http://localhost/echo",
        { method: "POST", body, duplex: "half" } as RequestInit
      )
      const answer = yield* Effect.forkChild(Effect.promise(() => fetch(request)))
      yield* Effect.promise(() => reading.promise)
      yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
      yield* TestClock.adjust("1 minute")
      sent.resolve()
      const response = yield* Fiber.join(answer)
      assert.deepStrictEqual([response.status, yield* Effect.promise(() => response.text())], [200, "slow"])
    }).pipe(Effect.provide(HttpServer.layerServices), Effect.scoped))
})
