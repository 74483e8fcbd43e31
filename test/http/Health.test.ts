/** Alive without the database; ready with it, until the process is told to stop. */
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Layer } from "effect"
import { HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
import { Drain } from "../../src/http/Drain.ts"
import * as Health from "../../src/http/Health.ts"
import { toWebHandler } from "../../src/http/ServerRules.ts"
import { Ping } from "../../src/database/Ping.ts"
import { members } from "./ExampleApi.ts"

const ping = (answers: Effect.Effect<boolean>) => Layer.succeed(Ping, Ping.of({ answers }))

const makeGet = (routes: Layer.Layer<never, never, HttpRouter.HttpRouter | Ping | Drain>) =>
  Effect.map(toWebHandler(routes), (fetch) => (path: string) =>
    Effect.promise(async () => {
      const response = await fetch(new Request(`http://localhost${path}`))
      return { status: response.status, text: await response.text(), headers: response.headers }
    }))

describe("health", () => {
  it.live("is alive and not ready while the database is away", () =>
    Effect.gen(function* () {
      const get = yield* makeGet(Health.layer)
      const live = yield* get("/health/live")
      assert.strictEqual(live.status, 200)
      const ready = yield* get("/health/ready")
      assert.strictEqual(ready.status, 503)
      assert.strictEqual(ready.headers.get("content-type"), "application/problem+json")
      assert.strictEqual(ready.headers.get("retry-after"), "5")
      assert.include(String(members(ready.text)["detail"]), "database")
    }).pipe(
      Effect.scoped,
      Effect.provide([ping(Effect.succeed(false)), Drain.layer, HttpServer.layerServices])
    ))

  it.live("is not ready while something does not move, and says what", () =>
    Effect.gen(function* () {
      let fault: string | undefined = "Nothing is read."
      const get = yield* makeGet(
        Layer.provide(Health.layer, Layer.succeed(Health.ReadinessFault, Effect.sync(() => fault)))
      )
      const stuck = yield* get("/health/ready")
      assert.strictEqual(stuck.status, 503)
      assert.strictEqual(members(stuck.text)["detail"], "Nothing is read.")
      assert.strictEqual((yield* get("/health/live")).status, 200)
      fault = undefined
      assert.strictEqual((yield* get("/health/ready")).status, 200)
    }).pipe(
      Effect.scoped,
      Effect.provide([ping(Effect.succeed(true)), Drain.layer, HttpServer.layerServices])
    ))

  it.live("drains before the servers under it are stopped", () =>
    Effect.gen(function* () {
      const drain = yield* Drain
      const stopped: Array<boolean> = []
      const server = Layer.effectDiscard(
        Effect.addFinalizer(() => Effect.map(drain.draining, (draining) => void stopped.push(draining)))
      )
      yield* Effect.scoped(Layer.build(Drain.layerOnStop.pipe(Layer.provide(server))))
      assert.deepStrictEqual(stopped, [true])
    }).pipe(Effect.provide(Drain.layer)))

  it.live("stops being ready first, while what is in flight finishes", () =>
    Effect.gen(function* () {
      const drain = yield* Drain
      const entered = yield* Deferred.make<void>()
      const leave = yield* Deferred.make<void>()
      const slow = HttpRouter.add(
        "GET",
        "/slow",
        Deferred.succeed(entered, undefined).pipe(
          Effect.andThen(Deferred.await(leave)),
          Effect.as(HttpServerResponse.text("done"))
        )
      )
      const get = yield* makeGet(Layer.mergeAll(Health.layer, slow))
      assert.strictEqual((yield* get("/health/ready")).status, 200)
      const inFlight = yield* Effect.forkChild(get("/slow"))
      yield* Deferred.await(entered)
      yield* Effect.scoped(Layer.build(Drain.layerOnStop))
      assert.isTrue(yield* drain.draining)
      assert.strictEqual((yield* get("/health/ready")).status, 503)
      assert.strictEqual((yield* get("/health/live")).status, 200)
      yield* Deferred.succeed(leave, undefined)
      assert.strictEqual((yield* Fiber.join(inFlight)).text, "done")
    }).pipe(
      Effect.scoped,
      Effect.provide([ping(Effect.succeed(true)), Drain.layer, HttpServer.layerServices])
    ))
})
