/** Calls between services: signed at every attempt, retried when that may help, cut off when it does not. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer } from "effect"
import { HttpBody, HttpRouter, HttpServerResponse } from "effect/http"
import { HttpApiClient } from "effect/http-api"
import { TestClock } from "effect/testing"
import { Loopback } from "../../src/trust/Loopback.ts"
import { ServiceRequestStore } from "../../src/trust/ServiceRequestStore.ts"
import { resolveUrl, ServiceTransport } from "../../src/trust/ServiceTransport.ts"
import { hexOf, InboundApi, InboundRoutes, request } from "./ExampleServices.ts"
import { call, network, statuses, transport } from "./ScriptedNetwork.ts"

describe("a service client", () => {
  it.effect("signs every attempt anew, for the same request", () => {
    const { layer, sent } = statuses(503, 503, 200)
    return Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(call("tickets", "/generation-jobs"))
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual((yield* Fiber.join(fiber)).status, 200)
      assert.lengthOf(sent, 3)
      assert.strictEqual(new Set(sent.map((one) => one.headers["x-request-id"])).size, 1)
      assert.strictEqual(new Set(sent.map((one) => one.headers["x-timestamp"])).size, 3)
      for (const one of sent) {
        assert.strictEqual(one.url, "http://localhost:3004/api/generation-jobs")
        const signed = request({
          url: "/api/generation-jobs",
          service: "event-planner-core",
          requestId: one.headers["x-request-id"] ?? "",
          timestamp: one.headers["x-timestamp"] ?? "",
          body: new Uint8Array()
        })
        assert.strictEqual(one.headers["x-service-name"], "event-planner-core")
        assert.strictEqual(one.headers["x-service-signature"], `v1=${hexOf("CORE_SERVICE_SECRET", signed)}`)
      }
    }).pipe(Effect.provide(transport(layer)))
  })

  it.effect("tries as often as the flows document says and then gives the last answer", () => {
    const { layer, sent } = network(() => Effect.sync(() => new Response("busy", { status: 503 })))
    return Effect.gen(function* () {
      for (
        const [name, attempts] of [["scans", 2], ["payments", 3], ["tickets", 4], [
          "notifications",
          4
        ]] as const
      ) {
        sent.length = 0
        const fiber = yield* Effect.forkChild(call(name))
        yield* TestClock.adjust("30 seconds")
        const response = yield* Fiber.join(fiber)
        assert.strictEqual(response.status, 503)
        assert.strictEqual(yield* response.text, "busy")
        assert.lengthOf(sent, attempts)
      }
    }).pipe(Effect.provide(transport(layer)))
  })

  it.effect("does not repeat what would fail again", () => {
    const { layer, sent } = network((sent) =>
      Effect.sync(() => new Response(null, { status: finals[sent.length - 1]! }))
    )
    const finals = [301, 400, 401, 404, 409, 410, 422, 501]
    return Effect.gen(function* () {
      for (const status of finals) assert.strictEqual((yield* call("tickets")).status, status)
      assert.lengthOf(sent, finals.length)
    }).pipe(Effect.provide(transport(layer)))
  })

  it.effect("waits as long as Retry-After says", () => {
    const { layer, sent } = network((sent) =>
      Effect.sync(() =>
        new Response(null, { status: sent.length === 1 ? 429 : 200, headers: { "retry-after": "7" } })
      )
    )
    return Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(call("payments"))
      yield* TestClock.adjust("6900 millis")
      assert.lengthOf(sent, 1)
      yield* TestClock.adjust("200 millis")
      assert.strictEqual((yield* Fiber.join(fiber)).status, 200)
    }).pipe(Effect.provide(transport(layer)))
  })

  it.effect("bounds each attempt by the service's own time", () => {
    const { layer, sent } = network(() => Effect.never)
    return Effect.gen(function* () {
      const fiber = yield* Effect.forkChild(Effect.flip(call("scans")))
      yield* TestClock.adjust("4900 millis")
      assert.lengthOf(sent, 1)
      yield* TestClock.adjust("6 seconds")
      const error = yield* Fiber.join(fiber)
      assert.lengthOf(sent, 2)
      assert.strictEqual(error.reason._tag, "TransportError")
      assert.include(error.message, "No answer from scans within 5s")
    }).pipe(Effect.provide(transport(layer)))
  })

  it.effect("stops calling a service that keeps failing, and no other one, until it has had a pause", () => {
    let broken = true
    const { layer, sent } = network((sent) =>
      Effect.sync(() =>
        new Response(null, {
          status: broken && sent[sent.length - 1]?.url.includes("3005") === true ? 500 : 200
        })
      )
    )
    return Effect.gen(function* () {
      for (let calls = 0; calls < 4; calls++) {
        const fiber = yield* Effect.forkChild(call("scans"))
        yield* TestClock.adjust("1 second")
        yield* Fiber.join(fiber)
      }
      assert.lengthOf(sent, 8)
      const refused = yield* Effect.flip(call("scans"))
      assert.include(refused.message, "Calls to scans are paused")
      assert.lengthOf(sent, 8)
      assert.strictEqual((yield* call("tickets")).status, 200)
      broken = false
      yield* TestClock.adjust("11 seconds")
      assert.strictEqual((yield* call("scans")).status, 200)
    }).pipe(Effect.provide(transport(layer)))
  })

  it.effect("keeps a request id that is given and carries the trace", () => {
    const { layer, sent } = statuses(200)
    return Effect.gen(function* () {
      yield* call("payments", "/refunds", { headers: { "x-request-id": "req_given" } })
      assert.strictEqual(sent[0]?.url, "http://payments.test/api/refunds")
      assert.strictEqual(sent[0]?.headers["x-request-id"], "req_given")
    }).pipe(Effect.provide(transport(layer)))
  })

  it("joins base URLs and contract paths with one /api", () => {
    assert.strictEqual(resolveUrl("http://h:1/api", "/api/x"), "http://h:1/api/x")
    assert.strictEqual(resolveUrl("http://h:1/api/", "/x"), "http://h:1/api/x")
    assert.strictEqual(resolveUrl("http://h:1/base/api", "/api/x?y=1"), "http://h:1/base/api/x?y=1")
  })
})

describe("the loopback", () => {
  const closed = network(() => Effect.die(new Error("the network was used")))

  it.live("answers signed calls and webhooks of this process without the network", () =>
    Effect.gen(function* () {
      const { client } = yield* ServiceTransport
      const options = { body: HttpBody.jsonUnsafe({ order_id: 7 }) }
      const scan = yield* client("core", { as: "scan-validation-service" }).post(
        "/internal/scan-validation",
        options
      )
      assert.deepStrictEqual(yield* scan.json, { from: "scan-validation-service", order_id: 7 })
      const payment = yield* client("core", { as: "payment-service", scheme: "payment-webhook" })
        .post("/payment-webhook-routes/", options)
      assert.deepStrictEqual(yield* payment.json, { from: "payment-service", order_id: 7 })
      const ticket = yield* client("core", { as: "ticket-generator-service", scheme: "ticket-webhook" })
        .post("/ticket-webhook-routes/", options)
      assert.deepStrictEqual(yield* ticket.json, { from: "ticket-generator-service", order_id: 7 })
      const stranger = yield* client("core", { as: "event-planner-core" }).post(
        "/internal/scan-validation",
        options
      )
      assert.strictEqual(stranger.status, 403)
      const other = yield* client("tickets", { as: "event-planner-core" }).get("/who")
      assert.strictEqual(yield* other.text, "tickets")
      const apart = yield* client("core", { as: "event-planner-core" }).get("/who")
      assert.strictEqual(apart.status, 404)
    }).pipe(Effect.provide(
      Layer.mergeAll(
        Loopback.serve("core", InboundRoutes),
        Loopback.serve("tickets", HttpRouter.add("GET", "/api/who", HttpServerResponse.text("tickets")))
      ).pipe(Layer.provideMerge(transport(closed.layer)))
    )))

  it.live("keeps no record against copies of a request that nobody else has seen", () =>
    Effect.gen(function* () {
      const { client } = yield* ServiceTransport
      const options = { body: HttpBody.jsonUnsafe({ order_id: 7 }) }
      const answer = yield* client("core", { as: "scan-validation-service" }).post(
        "/internal/scan-validation",
        options
      )
      assert.strictEqual(answer.status, 200)
    }).pipe(Effect.provide(
      Loopback.serve("core", InboundRoutes).pipe(
        Layer.provide(Layer.succeed(ServiceRequestStore, {
          accept: () => Effect.die(new Error("a record was asked for")),
          forget: () => Effect.die(new Error("a record was asked for"))
        })),
        Layer.provideMerge(transport(closed.layer))
      )
    )))

  it.live("gives derived clients their answers and their typed errors", () =>
    Effect.gen(function* () {
      const { client } = yield* ServiceTransport
      const scans = yield* HttpApiClient.makeWith(InboundApi, {
        httpClient: client("core", { as: "scan-validation-service" })
      })
      const heard = yield* scans.inbound.scan({ payload: { order_id: 7 } })
      assert.strictEqual(heard.from, "scan-validation-service")
      const unknown = yield* Effect.flip(scans.inbound.scan({ payload: { order_id: 404 } }))
      if (unknown._tag !== "OrderUnknown") return assert.fail(unknown._tag)
      assert.strictEqual(unknown.order_id, 404)
      const refused = yield* Effect.flip(scans.inbound.unlisted({ payload: { order_id: 7 } }))
      assert.strictEqual(refused._tag, "Forbidden")
    }).pipe(
      Effect.provide(Loopback.serve("core", InboundRoutes).pipe(Layer.provideMerge(transport(closed.layer))))
    ))

  it.live("carries the trace to the service and aborts what is no longer wanted", () =>
    Effect.gen(function* () {
      const loopback = yield* Loopback
      const { client } = yield* ServiceTransport
      const heard: Array<Request> = []
      let started = () => {}
      const ready = new Promise<void>((resolve) => started = resolve)
      yield* loopback.register("scans", (request) => {
        heard.push(request)
        started()
        return new Promise((_, reject) =>
          request.signal.addEventListener("abort", () => reject(request.signal.reason))
        )
      })
      const fiber = yield* Effect.forkChild(
        Effect.withSpan(client("scans", { as: "event-planner-core" }).get("/x"), "flow")
      )
      yield* Effect.promise(() => ready)
      const exit = yield* Effect.andThen(Fiber.interrupt(fiber), Fiber.await(fiber))
      assert.isTrue(Exit.isFailure(exit))
      assert.isTrue(heard[0]?.signal.aborted)
      assert.match(heard[0]?.headers.get("traceparent") ?? "", /^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/)
    }).pipe(Effect.provide(transport(closed.layer))))
})
