/**
 * Bodies over their bounds, over a socket and without one, declared and chunked: refused at their place, whoever reads
 * them. Guards whose removal turns this file red: the bounded request in `ServerRules`, its `text`, its `arrayBuffer` and
 * its `modify`, the refusal of an encoding and of bytes that are no UTF-8, what runs while a
 * body comes, and the share of a sample that arrays may have.
 */
import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Effect, Layer, Option, Schema } from "effect"
import { HttpRouter, HttpServer, HttpServerRequest, HttpServerResponse } from "effect/http"
import { HttpApi, HttpApiBuilder, HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import * as fc from "fast-check"
import { boundedRequest } from "../../src/bounds/BoundedRequest.ts"
import { sampleOf } from "../../src/http/ErrorSample.ts"
import { routerConfig } from "../../src/http/FallbackRoutes.ts"
import { toWebHandler, wrap } from "../../src/http/ServerRules.ts"
import { parsing, ProblemMiddleware } from "../../src/http/ProblemMiddleware.ts"
import * as Platform from "../../src/Platform.ts"

const Item = Schema.Struct({ name: Schema.String, age: Schema.Int })

const Group = HttpApiGroup.make("items").add(
  HttpApiEndpoint.post("add", "/items", {
    payload: Schema.Struct({ items: Schema.Array(Item), more: Schema.optionalKey(Schema.Json) }),
    success: Schema.Struct({ count: Schema.Int })
  })
).middleware(ProblemMiddleware)

const Api = HttpApi.make("items").add(Group).annotateMerge(parsing)

const handlers = HttpApiBuilder.group(
  Api,
  "items",
  (handlers) => handlers.handle("add", ({ payload }) => Effect.succeed({ count: payload.items.length }))
)

/** What the middleware that reads raw bytes does: it takes them, whatever they are. */
const raw = HttpRouter.add(
  "POST",
  "/raw/*",
  Effect.gen(function* () {
    const request = (yield* HttpServerRequest.HttpServerRequest).modify({ url: "/elsewhere" })
    const body = yield* Effect.option(request.arrayBuffer)
    return HttpServerResponse.text(String(Option.isSome(body)))
  })
)

const routes = Layer.merge(
  HttpApiBuilder.layer(Api).pipe(Layer.provide(handlers), Layer.provide(ProblemMiddleware.layer)),
  raw
)

type Send = (path: string, body: BodyInit, headers?: Record<string, string>) => Promise<Response>

/** The same server three ways: without a socket, over one with a declared length, over one in chunks. */
class Ways extends Context.Service<Ways, Readonly<Record<string, Send>>>()("test/Ways") {
  static readonly layer = Layer.effect(
    Ways,
    Effect.gen(function* () {
      const web = yield* toWebHandler(routes)
      const { address } = yield* HttpServer.HttpServer
      if (address._tag === "UnixPathAddress") return yield* Effect.die(new Error("no port"))
      const url = `http://127.0.0.1:${address.port}`
      const asked = (headers: Record<string, string> = {}) => ({
        method: "POST",
        headers: { "content-type": "application/json", ...headers }
      })
      return Ways.of({
        memory: (path, body, headers) => web(new Request(`http://core${path}`, { ...asked(headers), body })),
        declared: (path, body, headers) => fetch(`${url}${path}`, { ...asked(headers), body }),
        chunked: (path, body, headers) => {
          const init = { ...asked(headers), body: new Blob([body as BlobPart]).stream(), duplex: "half" }
          return fetch(`${url}${path}`, init as RequestInit)
        }
      })
    })
  )
}

const WaysLayer = HttpRouter.serve(wrap(routes), {
  routerConfig,
  disableLogger: true,
  disableListenLog: true
}).pipe(
  Layer.provideMerge(Ways.layer.pipe(Layer.provide(HttpServer.layerServices))),
  Layer.provideMerge(Platform.httpServer({ port: 0, report: (fault) => assert.fail(String(fault)) }))
)

interface Refusal {
  readonly status: number
  readonly errors?: ReadonlyArray<{ readonly pointer?: string }>
  readonly detail: string
}

const refusals = Effect.fnUntraced(
  function* (path: string, body: BodyInit, headers?: Record<string, string>) {
    const ways = yield* Ways
    return yield* Effect.forEach(Object.entries(ways), ([way, send]) =>
      Effect.promise(async () => {
        const response = await send(path, body, headers)
        return { way, status: response.status, problem: await response.json() as Refusal }
      }))
  }
)

const deep = (levels: number) => `{"items":[],"more":${"[".repeat(levels)}${"]".repeat(levels)}}`

const tooLarge: ReadonlyArray<readonly [name: string, body: string, pointer: string]> = [
  ["6,000 levels", deep(6_000), `/more${"/0".repeat(31)}`],
  ["20,001 items", `{"items":[${"{},".repeat(20_000)}{}]}`, "/items"],
  ["a string of 100,000 bytes", `{"items":[],"more":"${"x".repeat(100_000)}"}`, "/more"],
  ["a number of 1,000 digits", `{"items":[],"more":${"9".repeat(1_000)}}`, "/more"]
]

describe("a body over its bounds", () => {
  layer(WaysLayer, { excludeTestServices: true })((it) => {
    for (const [name, body, pointer] of tooLarge) {
      it.effect(`is refused where it has ${name}`, () =>
        Effect.gen(function* () {
          for (const { problem, status, way } of yield* refusals("/items", body)) {
            assert.strictEqual(status, 422, way)
            assert.deepStrictEqual(problem.errors?.map(({ pointer }) => pointer), [pointer], way)
          }
        }))

      it.effect(`is refused to a reader of raw bytes, under another address: ${name}`, () =>
        Effect.gen(function* () {
          for (const { status, way } of yield* refusals("/raw/bytes", body)) {
            assert.strictEqual(status, 422, way)
          }
        }))
    }

    it.effect("passes to a reader of raw bytes as a picture", () =>
      Effect.gen(function* () {
        const { memory } = yield* Ways
        const picture = { "content-type": "image/png" }
        const bytes = yield* Effect.promise(() => memory!("/raw/bytes", deep(6_000), picture))
        assert.strictEqual(yield* Effect.promise(() => bytes.text()), "true")
      }))

    it.effect("is refused where its bytes are no UTF-8", () =>
      Effect.gen(function* () {
        const body = new Uint8Array([...new TextEncoder().encode(`{"items":[],"more":"`), 0xff, 0x22, 0x7d])
        for (const { status, way } of yield* refusals("/items", body)) assert.strictEqual(status, 400, way)
      }))

    it.effect("is refused where it is compressed", () =>
      Effect.gen(function* () {
        for (const encoding of ["gzip", "br", "deflate, gzip", "x"]) {
          for (
            const { status, way } of yield* refusals("/items", deep(1), { "content-encoding": encoding })
          ) {
            assert.strictEqual(status, 415, way)
          }
        }
      }))

    it.effect("passes where it says that it is not compressed", () =>
      Effect.gen(function* () {
        const { memory } = yield* Ways
        const answer = yield* Effect.promise(() =>
          memory!("/items", deep(1), { "content-encoding": "identity" })
        )
        assert.strictEqual(answer.status, 200)
      }))
  })
})

describe("a body of many wrong items", () => {
  layer(WaysLayer, { excludeTestServices: true })((it) => {
    it.effect("names the first hundred of them, and says that there are more", () =>
      Effect.gen(function* () {
        const body = JSON.stringify({ items: Array.from({ length: 19_000 }, () => ({})) })
        for (const { problem, status, way } of yield* refusals("/items", body)) {
          assert.strictEqual(status, 422, way)
          assert.lengthOf(problem.errors ?? [], 100, way)
          assert.match(problem.detail, /^At least \d+ values are wrong/, way)
        }
      }))

    it.effect("names the one that is wrong by its own place, however late it comes", () =>
      Effect.gen(function* () {
        const items = Array.from(
          { length: 19_000 },
          (_, at) => ({ name: "a", age: at === 15_000 ? "old" : 1 })
        )
        for (const { problem, way } of yield* refusals("/items", JSON.stringify({ items }))) {
          assert.deepStrictEqual(problem.errors?.map(({ pointer }) => pointer), ["/items/15000/age"], way)
        }
      }))

    it.effect("names every one where they are few", () =>
      Effect.gen(function* () {
        const items = [{ name: 1 }, { age: 2 }, { name: "a", age: 1 }, {}]
        for (const { problem, way } of yield* refusals("/items", JSON.stringify({ items }))) {
          const pointers = ["/items/0/name", "/items/0/age", "/items/1/name", "/items/3/name", "/items/3/age"]
          assert.sameMembers([...problem.errors ?? []].map(({ pointer }) => pointer ?? ""), pointers, way)
          assert.match(problem.detail, /^5 values are wrong/, way)
        }
      }))

    it("is sampled: no sample weighs more than it may, and a small body is its own sample", () => {
      const weigh = (value: unknown): number =>
        typeof value !== "object" || value === null
          ? 1
          : 1 + Object.values(value).reduce((sum: number, item) => sum + weigh(item), 0)
      fc.assert(
        fc.property(fc.jsonValue({ maxDepth: 4 }), fc.integer({ min: 1, max: 400 }), (value, times) => {
          const body = Array.from({ length: times }, () => value)
          const sample = Option.getOrUndefined(sampleOf(body))
          if (sample === undefined) return
          assert.isAtMost(weigh(sample.body), 2_000)
          if (sample.isWhole) assert.deepStrictEqual(sample.body, body)
        })
      )
    })

    it("is sampled where its items are heavy too: fewer of them are looked at", () => {
      const item = Object.fromEntries(Array.from({ length: 30 }, (_, at) => [`field_${at}`, "x".repeat(200)]))
      const sample = Option.getOrThrow(sampleOf({ items: Array.from({ length: 400 }, () => item), last: 1 }))
      const { items, last } = sample.body as { readonly items: ReadonlyArray<unknown>; readonly last: number }
      assert.isAbove(items.length, 5)
      assert.isBelow(items.length, 100)
      assert.strictEqual(last, 1)
    })
  })
})

describe("the reading of a body", () => {
  const posted = (type: string) =>
    HttpServerRequest.fromWeb(
      new Request("http://localhost/items", { method: "POST", body: "{}", headers: { "content-type": type } })
    )

  for (const type of ["application/json", "image/png"]) {
    it.effect(`of ${type} is what its runner runs, whoever reads it`, () =>
      Effect.gen(function* () {
        let readings = 0
        const counted = () =>
          boundedRequest(posted(type), String, (body) =>
            Effect.suspend(() => {
              readings++
              return body
            }))
        yield* Effect.orDie(counted().arrayBuffer)
        assert.strictEqual(readings, 1)
        yield* Effect.orDie(counted().modify({ url: "/elsewhere" }).arrayBuffer)
        assert.strictEqual(readings, 2)
      }))
  }
})
