/** The same rules over a real socket: what streams, what breaks off, what is too long. */
import { assert, layer } from "@effect/vitest"
import { Context, Effect, Fiber, Layer, Redacted } from "effect"
import { HttpRouter, HttpServer } from "effect/http"
import { SqlClient } from "effect/sql"
import * as Http from "node:http"
import { routerConfig } from "../../src/http/FallbackRoutes.ts"
import { wrap } from "../../src/http/ServerRules.ts"
import * as Platform from "../../src/Platform.ts"
import { TokenStore } from "../../src/store/TokenStore.ts"
import * as TestDatabase from "../support/TestDatabase.ts"
import { ExampleRoutes, members, Runs, stores } from "./ExampleApi.ts"

class Served
  extends Context.Service<Served, { readonly url: string; readonly headers: Record<string, string> }>()(
    "test/Served"
  ) {
  static readonly layer = Layer.effect(
    Served,
    Effect.gen(function* () {
      const { address } = yield* HttpServer.HttpServer
      const { token } = yield* (yield* TokenStore).create({ role: "organizer", subject: "org" })
      if (address._tag === "UnixPathAddress") return yield* Effect.die(new Error("no port"))
      const headers = { authorization: `Bearer ${Redacted.value(token)}`, "content-type": "application/json" }
      return Served.of({ url: `http://127.0.0.1:${address.port}`, headers })
    })
  )
}

const ServedLayer = HttpRouter.serve(wrap(ExampleRoutes), {
  routerConfig,
  disableLogger: true,
  disableListenLog: true
}).pipe(
  Layer.provideMerge(Served.layer),
  Layer.provideMerge(Platform.httpServer({ port: 0, report: (fault) => assert.fail(String(fault)) })),
  Layer.provideMerge(stores),
  Layer.provideMerge(TestDatabase.layer)
)

const ask = (path: string, init: RequestInit & { readonly duplex?: "half" } = {}) =>
  Effect.gen(function* () {
    const served = yield* Served
    const response = yield* Effect.promise(() =>
      fetch(`${served.url}${path}`, {
        ...init,
        headers: { ...served.headers, ...init.headers } as HeadersInit
      })
    )
    return {
      status: response.status,
      headers: response.headers,
      text: yield* Effect.promise(() => response.text())
    }
  })

layer(ServedLayer, { excludeTestServices: true })("a server of the house", (it) => {
  it.effect("answers problems over the wire", () =>
    Effect.gen(function* () {
      const cases = [
        [yield* ask("/nowhere"), 404],
        [yield* ask("/api/guests", { method: "PUT", body: "{}" }), 405],
        [yield* ask("/api/guests/", { method: "POST", body: "{" }), 400],
        [yield* ask("/api/guests", { method: "POST", body: "{}" }), 422],
        [
          yield* ask("/api/guests", { method: "POST", body: JSON.stringify({ guests: [], mode: "die" }) }),
          500
        ]
      ] as const
      for (const [answer, status] of cases) {
        assert.strictEqual(answer.status, status)
        assert.strictEqual(answer.headers.get("content-type"), "application/problem+json")
        assert.strictEqual(members(answer.text)["status"], status)
        assert.strictEqual(members(answer.text)["instance"], answer.headers.get("x-request-id"))
      }
    }))

  it.effect("refuses a chunked body that grows over the limit", () =>
    Effect.gen(function* () {
      const { headers, url } = yield* Served
      const answer = yield* Effect.promise(() =>
        new Promise<{ status: number | undefined; text: string }>((resolve, reject) => {
          const request = Http.request(`${url}/api/guests`, { method: "POST", headers }, (response) => {
            let text = ""
            response.on("data", (chunk) => text += chunk)
            response.on("end", () => resolve({ status: response.statusCode, text }))
          })
          request.on("error", reject)
          request.write(`{"guests": ["`)
          request.write("x".repeat(2 * 1024 * 1024))
          request.end(`"]}`)
        })
      )
      assert.strictEqual(answer.status, 413)
      assert.strictEqual(members(answer.text)["type"], "/problems/body-too-large")
    }))

  it.effect("answers the same key the same over two connections", () =>
    Effect.gen(function* () {
      const init = { method: "POST", body: `{"guests": []}`, headers: { "idempotency-key": "wire" } }
      const first = yield* ask("/api/guests", init)
      const second = yield* ask("/api/guests", { ...init, headers: { ...init.headers, connection: "close" } })
      assert.strictEqual(first.status, 202)
      assert.strictEqual(second.text, first.text)
      assert.strictEqual(second.headers.get("location"), first.headers.get("location"))
    }))

  it.effect("frees the key of a client that left", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const runs = yield* Runs
      const before = runs.count
      const abort = new AbortController()
      const { headers, url } = yield* Served
      const gone = yield* Effect.forkChild(Effect.flip(Effect.tryPromise(() =>
        fetch(`${url}/api/guests`, {
          method: "POST",
          body: `{"guests": [], "mode": "hang"}`,
          headers: { ...headers, "idempotency-key": "left" },
          signal: abort.signal
        })
      )))
      while (runs.count === before) yield* Effect.promise(() => new Promise(setImmediate))
      abort.abort()
      yield* Fiber.join(gone)
      while ((yield* sql`SELECT 1 FROM idempotency_keys WHERE key = 'left'`).length > 0) {
        yield* Effect.promise(() => new Promise(setImmediate))
      }
    }))
})
