/**
 * What the ledger says of deliveries that are disturbed: by an interruption, by a cancellation, by a refusal for good.
 * Guards whose removal turns this file red: the record of each attempt as it ends, the scope that attempts run in, `sent`
 * over `canceled` in `record`, `retryable` in `cancel` and in `open`, the recipient that cannot be reached.
 */
import { assert, layer } from "@effect/vitest"
import { Context, Deferred, Effect, Fiber, Layer } from "effect"
import type { Message } from "../../src/notifications/Message.ts"
import { Notifier } from "../../src/notifications/Notifier.ts"
import {
  NotificationClient,
  NotificationsUnavailable,
  Undeliverable
} from "../../src/notifications/NotificationClient.ts"
import { NotificationStore } from "../../src/store/notifications/NotificationStore.ts"
import * as TestDatabase from "../support/TestDatabase.ts"

type Send = NotificationClient["Service"]["send"]

const taken: Send = (message_id) =>
  Effect.succeed({ message_id, channel: "email", status: "sent", provider: "test" })
const away: Send = () => Effect.fail(new NotificationsUnavailable({ reason: "DeliveryDelayed" }))
const never: Send = () => Effect.fail(new Undeliverable({ reason: "DeliveryRefused", response_code: 550 }))
const nowhere: Send = () => Effect.fail(new Undeliverable({ reason: "InvalidRecipient" }))

/** What becomes of messages, and which ones the service was handed. */
class Post extends Context.Service<Post, { readonly handed: Array<string>; send: Send }>()("test/Post") {}

const Env = Notifier.layer.pipe(
  Layer.provide(Layer.effect(
    NotificationClient,
    Effect.map(Post, (post): NotificationClient["Service"] => ({
      send: (id, body) =>
        Effect.suspend(() => {
          post.handed.push(id)
          return post.send(id, body)
        })
    }))
  )),
  Layer.provideMerge(
    Layer.mergeAll(NotificationStore.layer, Layer.sync(Post, () => ({ handed: [], send: taken })))
  ),
  Layer.provideMerge(TestDatabase.layer)
)

const messages = (sequenceId: string, count: number): ReadonlyArray<Message> =>
  Array.from({ length: count }, (_, at) => ({
    messageId: `${sequenceId}.${String(at + 1).padStart(3, "0")}`,
    type: "welcome",
    template: "welcome",
    channel: "email",
    priority: "normal",
    recipient: "ana@example.com",
    eventId: 1,
    guestId: at + 1,
    subject: null,
    variables: {}
  }))

const deliver = (sequenceId: string, count: number, send: Send) =>
  Effect.gen(function* () {
    const post = yield* Post
    post.handed.length = 0
    post.send = send
    return yield* (yield* Notifier).deliver({ flowId: null, sequenceId }, messages(sequenceId, count))
  })

const ledger = Effect.fnUntraced(function* (sequenceId: string) {
  const lines = yield* (yield* NotificationStore).ofSequence(sequenceId)
  return lines.map(({ attempts, reason, status }) => `${status} ${attempts} ${reason}`)
})

const times = (count: number, line: string) => Array<string>(count).fill(line)

layer(Env, { excludeTestServices: true })("the ledger of deliveries", (it) => {
  it.effect("holds what was sent before the delivery was interrupted, and what was still under way", () =>
    Effect.gen(function* () {
      const twelve = yield* Deferred.make<void>()
      const last = yield* Deferred.make<void>()
      const { handed } = yield* Post
      const delivery = yield* Effect.forkChild(
        deliver("interrupted", 30, (id, body) =>
          Effect.gen(function* () {
            if (handed.length >= 20) yield* Deferred.succeed(twelve, undefined)
            if (handed.indexOf(id) >= 12) yield* Deferred.await(last)
            return yield* taken(id, body)
          }))
      )
      yield* Deferred.await(twelve)
      assert.strictEqual((yield* ledger("interrupted")).filter((line) => line.startsWith("sent")).length, 12)
      const interruption = yield* Effect.forkChild(Fiber.interrupt(delivery))
      yield* Effect.yieldNow
      yield* Deferred.succeed(last, undefined)
      yield* Fiber.join(interruption)
      assert.deepStrictEqual(yield* ledger("interrupted"), [
        ...times(20, "sent 1 null"),
        ...times(10, "scheduled 0 null")
      ])
      assert.deepStrictEqual(yield* deliver("interrupted", 30, taken), {
        sent: 30,
        failed: 0,
        skipped: 0,
        retryable: 0
      })
      assert.strictEqual(handed.length, 10)
    }))

  it.effect("says sent of a message that was canceled while it was on its way", () =>
    Effect.gen(function* () {
      const store = yield* NotificationStore
      const { sent } = yield* deliver(
        "canceled",
        1,
        (id, body) => Effect.andThen(store.cancel({ sequenceId: "canceled" }), taken(id, body))
      )
      assert.strictEqual(sent, 1)
      assert.deepStrictEqual(yield* ledger("canceled"), ["sent 1 null"])
    }))

  it.effect("says canceled of one whose delivery failed meanwhile", () =>
    Effect.gen(function* () {
      const store = yield* NotificationStore
      yield* deliver("failing", 1, (id, body) =>
        Effect.andThen(store.cancel({ sequenceId: "failing" }), away(id, body)))
      assert.deepStrictEqual(yield* ledger("failing"), ["canceled 0 null"])
    }))

  it.effect("keeps its refusals when the rest is canceled", () =>
    Effect.gen(function* () {
      yield* deliver("refused", 3, (id, body) =>
        (id.endsWith("001") ? never : id.endsWith("002") ? away : taken)(id, body))
      yield* (yield* NotificationStore).cancel({ sequenceId: "refused" })
      assert.deepStrictEqual(yield* ledger("refused"), [
        "failed 1 DeliveryRefused",
        "canceled 1 DeliveryDelayed",
        "sent 1 null"
      ])
    }))

  it.effect("is asked before a message goes out again: what was refused for good does not, and counts as failed", () =>
    Effect.gen(function* () {
      const first = yield* deliver(
        "again",
        3,
        (id, body) => (id.endsWith("001") ? never : id.endsWith("002") ? away : taken)(id, body)
      )
      assert.deepStrictEqual(first, { sent: 1, failed: 1, skipped: 0, retryable: 1 })
      const second = yield* deliver("again", 3, taken)
      assert.deepStrictEqual(second, { sent: 2, failed: 1, skipped: 0, retryable: 0 })
      assert.deepStrictEqual((yield* Post).handed, ["again.002"])
    }))

  it.effect("skips whom no message can reach, as someone without an address", () =>
    Effect.gen(function* () {
      const delivery = yield* deliver("landline", 1, nowhere)
      assert.deepStrictEqual(delivery, { sent: 0, failed: 0, skipped: 1, retryable: 0 })
      assert.deepStrictEqual(yield* ledger("landline"), [
        "skipped 1 the address cannot be reached over email"
      ])
      yield* deliver("landline", 1, taken)
      assert.deepStrictEqual((yield* Post).handed, [])
    }))
})
