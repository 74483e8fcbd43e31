/**
 * The moment at which a message is handed over: what is noted of it, and whom it does not go to.
 * Guards whose removal turns this file red: `begin` before a message is sent, its condition on messages that wait, the mark of
 * one that was begun before, `in_doubt` that keeps it begun, the list of its organiser alone, the statuses that are a hard
 * bounce, the digest of an address in any spelling.
 */
import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer, Schema } from "effect"
import { SqlClient } from "effect/sql"
import type { Message } from "../../src/notifications/Message.ts"
import {
  NotificationClient,
  NotificationsUnavailable,
  Undeliverable
} from "../../src/notifications/NotificationClient.ts"
import { Notifier } from "../../src/notifications/Notifier.ts"
import { digestOf } from "../../src/store/AddressDigest.ts"
import { NotificationStore } from "../../src/store/notifications/NotificationStore.ts"
import { SuppressionStore } from "../../src/store/notifications/SuppressionStore.ts"
import { publishAs } from "../support/EventIds.ts"
import { GateStores, publish } from "../support/GateFixture.ts"
import * as TestDatabase from "../support/TestDatabase.ts"

type Send = NotificationClient["Service"]["send"]

class Post extends Context.Service<Post, { readonly handed: Array<string>; send: Send }>()("test/Post") {}

const taken: Send = (message_id) =>
  Effect.succeed({ message_id, channel: "email", status: "sent", provider: "test" })
const cut: Send = () =>
  Effect.fail(new NotificationsUnavailable({ reason: "DeliveryDelayed", in_doubt: true }))
const busy: Send = () =>
  Effect.fail(
    new NotificationsUnavailable({ reason: "DeliveryDelayed", response_code: 451, enhanced_code: "4.7.1" })
  )
const refused = (enhanced_code: string): Send => () =>
  Effect.fail(new Undeliverable({ reason: "DeliveryRefused", response_code: 550, enhanced_code }))

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
    Layer.mergeAll(
      NotificationStore.layer,
      SuppressionStore.layer,
      GateStores,
      Layer.sync(Post, () => ({ handed: [], send: taken }))
    )
  ),
  Layer.provideMerge(TestDatabase.layer)
)

const message = (messageId: string, eventId: number | null, recipient = "ana@example.com"): Message => ({
  messageId,
  type: "welcome",
  template: "welcome",
  channel: "email",
  priority: "normal",
  recipient,
  eventId,
  guestId: 1,
  subject: null,
  variables: {}
})

const deliver = (send: Send, ...messages: ReadonlyArray<Message>) =>
  Effect.gen(function* () {
    const post = yield* Post
    post.handed.length = 0
    post.send = send
    const tally = yield* (yield* Notifier).deliver({ flowId: null, sequenceId: "seq" }, messages)
    return { tally, handed: [...post.handed] }
  })

const Line = Schema.Struct({
  status: Schema.String,
  reason: Schema.NullOr(Schema.String),
  attempts: Schema.Int,
  possible_double: Schema.Boolean
})
const lineOf = Effect.fnUntraced(function* (messageId: string) {
  const lines = yield* (yield* NotificationStore).ofSequence("seq")
  const { attempts, possible_double, reason, status } = lines.find(({ message_id }) =>
    message_id === messageId
  )!
  return Line.make({ status, reason, attempts, possible_double })
})

const attemptsOf = (messageId: string) =>
  Effect.flatMap(
    SqlClient.SqlClient,
    (sql) =>
      sql<{ outcome: string; code: string | null; in_doubt: boolean }>`
      SELECT outcome, code, in_doubt FROM notification_attempts WHERE message_id = ${messageId} ORDER BY attempt`
  )

layer(Env, { excludeTestServices: true })("a message that is handed over", (it) => {
  it.effect("is marked as a possible double when an attempt that may have arrived is made again", () =>
    Effect.gen(function* () {
      yield* deliver(cut, message("doubt", null))
      assert.deepInclude(yield* lineOf("doubt"), { status: "failed", possible_double: false })
      yield* deliver(busy, message("doubt", null))
      yield* deliver(taken, message("doubt", null))
      assert.deepInclude(yield* lineOf("doubt"), { status: "sent", attempts: 3, possible_double: true })
      assert.deepStrictEqual((yield* attemptsOf("doubt")).map((row) => ({ ...row })), [
        { outcome: "failed", code: null, in_doubt: true },
        { outcome: "failed", code: "451 4.7.1", in_doubt: false },
        { outcome: "sent", code: null, in_doubt: false }
      ])
    }))

  it.effect("is not when the attempts before were refused", () =>
    Effect.gen(function* () {
      yield* deliver(busy, message("clear", null))
      yield* deliver(busy, message("clear", null))
      yield* deliver(taken, message("clear", null))
      assert.deepInclude(yield* lineOf("clear"), { status: "sent", attempts: 3, possible_double: false })
    }))

  it.effect("is when a process ended between handing it over and its record", () =>
    Effect.gen(function* () {
      const store = yield* NotificationStore
      yield* (yield* Notifier).enlist({ flowId: null, sequenceId: "seq" }, [message("killed", null)])
      yield* store.begin([{ messageId: "killed", recipient: "ana@example.com" }])
      yield* deliver(taken, message("killed", null))
      assert.deepInclude(yield* lineOf("killed"), { status: "sent", attempts: 1, possible_double: true })
    }))

  it.effect("is not handed over when it was canceled since it was looked for", () =>
    Effect.gen(function* () {
      const store = yield* NotificationStore
      yield* (yield* Notifier).enlist({ flowId: null, sequenceId: "canceled" }, [message("gone", null)])
      yield* store.cancel({ sequenceId: "canceled" })
      assert.isEmpty([...yield* store.begin([{ messageId: "gone", recipient: "ana@example.com" }])])
    }))
})

layer(Env, { excludeTestServices: true })("an address that bounced for good", (it) => {
  const hard = ["5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10"]
  const soft = ["5.7.1", "5.2.1", "5.1.8", "5.1.0", "5.1.11", "5.6.0"]

  it.effect("is on the list of its organiser, in any spelling, and of no other; nothing is sent to it until it is lifted", () =>
    Effect.gen(function* () {
      const suppressions = yield* SuppressionStore
      yield* publish(1, 1)
      yield* publishAs(2, "organizer-2", 1)
      for (const [at, code] of hard.entries()) {
        const address = `guest${at}@Bücher.example`
        const spelled = `Guest${at}@xn--bcher-kva.EXAMPLE`
        yield* deliver(refused(code), message(`bounced-${at}`, 1, address))
        const [entry] = yield* suppressions.find("organizer-1", spelled)
        assert.deepInclude(entry, { address, channel: "email", reason: "hard_bounce", detail: `550 ${code}` })
        const again = yield* deliver(taken, message(`again-${at}`, 1, spelled))
        assert.deepStrictEqual(again, { tally: { sent: 0, failed: 0, skipped: 1, retryable: 0 }, handed: [] })
        assert.deepStrictEqual(
          yield* lineOf(`again-${at}`),
          { status: "suppressed", reason: `hard_bounce: 550 ${code}`, attempts: 0, possible_double: false }
        )
        assert.lengthOf((yield* deliver(taken, message(`other-${at}`, 2, address))).handed, 1)
        assert.isTrue(yield* suppressions.lift("organizer-1", digestOf(address)))
        assert.isFalse(yield* suppressions.lift("organizer-1", digestOf(address)))
        assert.lengthOf((yield* deliver(taken, message(`lifted-${at}`, 1, address))).handed, 1)
      }
    }))

  it.effect("is no other refusal", () =>
    Effect.gen(function* () {
      yield* publish(3, 1)
      for (const code of soft) {
        const address = `${code}@example.com`
        yield* deliver(refused(code), message(`soft-${code}`, 3, address))
        assert.isEmpty(yield* (yield* SuppressionStore).find("organizer-1", address), code)
        assert.lengthOf((yield* deliver(taken, message(`next-${code}`, 3, address))).handed, 1)
      }
    }))
})
