/**
 * A process has so many messages under way, however many are to be sent.
 * Guards whose removal turns this file red: `sendsAtOnce`, the priority that a message waits at, and that a message which fails leaves its place.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Latch, Layer } from "effect"
import { HttpClient, HttpClientError, HttpClientRequest, HttpClientResponse } from "effect/http"
import type { Priority } from "../../rpc/TicketJob.ts"
import { NotificationClient, sendsAtOnce } from "../../src/notifications/NotificationClient.ts"

const notice = {
  to: "marie@example.com",
  template_id: "ticket_ready",
  variables: {},
  priority: "normal"
} as const

const sent = {
  message_id: "m",
  channel: "email",
  status: "sent",
  provider: "test"
}

/** A service that answers nobody until it has as many requests as may be under way, and refuses every other one. */
const crowded = Effect.gen(function* () {
  const full = yield* Latch.make()
  const seen = { asked: 0, underWay: 0, most: 0 }
  const client = HttpClient.make((request) =>
    Effect.gen(function* () {
      const refused = ++seen.asked % 2 === 0
      seen.most = Math.max(seen.most, ++seen.underWay)
      if (seen.underWay === sendsAtOnce) yield* full.open
      yield* full.await
      yield* Effect.yieldNow
      seen.underWay--
      if (!refused) return HttpClientResponse.fromWeb(request, Response.json(sent))
      return yield* new HttpClientError.HttpClientError({
        reason: new HttpClientError.TransportError({ request })
      })
    })
  )
  const here = HttpClient.mapRequest(client, HttpClientRequest.prependUrl("http://notifications.test"))
  return { seen, layer: Layer.succeed(HttpClient.HttpClient, here) }
})

describe("the client of the notification service", () => {
  it.effect("sends so many messages at once, and the others after them", () =>
    Effect.gen(function* () {
      const { layer, seen } = yield* crowded
      const messages = Array.from({ length: 5 * sendsAtOnce }, (_, at) => `m-${at}`)
      const reasons = yield* Effect.flatMap(
        NotificationClient,
        (client) =>
          Effect.forEach(messages, (id) =>
            Effect.match(client.send(id, notice), {
              onSuccess: () => "sent",
              onFailure: ({ _tag, reason }) => `${_tag}: ${reason}`
            }), { concurrency: "unbounded" })
      ).pipe(Effect.provide(Layer.provide(NotificationClient.layer, layer)))
      assert.strictEqual(seen.most, sendsAtOnce)
      assert.strictEqual(seen.asked, messages.length)
      const half = Array.from({ length: messages.length / 2 })
      assert.deepStrictEqual(reasons.sort(), [
        ...half.map(() => "NotificationsUnavailable: TransportError"),
        ...half.map(() => "sent")
      ])
    }))

  it.effect("sends the urgent one next, however many others came before it", () =>
    Effect.gen(function* () {
      const opened = yield* Latch.make()
      const order: Array<string> = []
      const service = HttpClient.make((request) =>
        Effect.sync(() => void order.push(request.headers["x-request-id"] ?? "")).pipe(
          Effect.andThen(opened.await),
          Effect.as(HttpClientResponse.fromWeb(request, Response.json(sent)))
        )
      ).pipe(HttpClient.mapRequest(HttpClientRequest.prependUrl("http://notifications.test")))
      yield* Effect.gen(function* () {
        const client = yield* NotificationClient
        const send = (id: string, priority: Priority) =>
          Effect.forkChild(client.send(id, { ...notice, priority }), { startImmediately: true })
        const crowd = Array.from({ length: sendsAtOnce }, (_, at) => `crowd-${at}`)
        const fibers = yield* Effect.forEach(crowd, (id) => send(id, "low"))
        fibers.push(yield* send("low", "low"), yield* send("normal", "normal"), yield* send("high", "high"))
        yield* opened.open
        yield* Effect.forEach(fibers, Fiber.join)
        assert.deepStrictEqual(order, [...crowd, "high", "normal", "low"])
      }).pipe(
        Effect.provide(NotificationClient.layer.pipe(
          Layer.provide(Layer.succeed(HttpClient.HttpClient, service))
        ))
      )
    }))
})
