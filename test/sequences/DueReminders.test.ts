/**
 * Reminders whose time has come: each is sent, skipped for a reason, or tried again in the next round.
 * Guards whose removal turns this file red: the address of a guest in `sendDue`, the cursor of `due`, the rounds of the
 * workflow, `retryable` in the ledger.
 */
import { assert, layer } from "@effect/vitest"
import { Context, DateTime, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { NotificationSequenceLayer } from "../../entities/NotificationSequence.ts"
import { type Channel, Reminders } from "../../rpc/NotificationSequence.ts"
import { Notifier } from "../../src/notifications/Notifier.ts"
import { Triggers } from "../../src/notifications/Triggers.ts"
import { sendDue } from "../../src/sequences/DueReminders.ts"
import {
  NotificationClient,
  NotificationsUnavailable,
  Undeliverable
} from "../../src/services/notifications/NotificationClient.ts"
import { AudienceStore } from "../../src/store/AudienceStore.ts"
import { NotificationStore } from "../../src/store/NotificationStore.ts"
import { SequenceStore } from "../../src/store/SequenceStore.ts"
import { GateStores, publish } from "../support/GateFixture.ts"
import * as QuickClocks from "../support/QuickClocks.ts"
import { Links } from "../support/JobFixture.ts"
import * as TestDatabase from "../support/TestDatabase.ts"

const type = "event_reminder-24h"
const past = DateTime.makeUnsafe("2025-06-19T09:00:00Z")

/** What was sent, in order, and what becomes of a message at its n-th try: `away` may pass, `never` may not. */
class Post extends Context.Service<Post, {
  readonly sent: Array<string>
  fate: (messageId: string, attempt: number) => "taken" | "away" | "never"
}>()("test/Post") {}

const PostLayer = Layer.sync(Post, () => ({ sent: [], fate: () => "taken" as const }))

const outcomes = {
  taken: (message_id: string) =>
    Effect.succeed({ message_id, channel: "email" as const, status: "sent" as const, provider: "test" }),
  away: () => Effect.fail(new NotificationsUnavailable({ reason: "DeliveryDelayed" })),
  never: () => Effect.fail(new Undeliverable({ reason: "InvalidRecipient" }))
}

const Client = Layer.effect(
  NotificationClient,
  Effect.map(Post, (post): NotificationClient["Service"] => ({
    send: (id) =>
      Effect.gen(function* () {
        post.sent.push(id)
        return yield* outcomes[post.fate(id, post.sent.filter((sent) => sent === id).length)](id)
      })
  }))
)

const Env = NotificationSequenceLayer.pipe(
  Layer.provideMerge(Layer.mergeAll(Notifier.layer, Triggers.layer)),
  Layer.provide(Client),
  Layer.provideMerge(
    Layer.mergeAll(
      PostLayer,
      NotificationStore.layer,
      AudienceStore.layer.pipe(Layer.provide(Links)),
      SequenceStore.layer,
      GateStores
    )
  ),
  Layer.provideMerge(QuickClocks.layer),
  Layer.provideMerge(TestDatabase.layer)
)

const messageId = (eventId: number, guestId: number, channel: Channel) =>
  `${eventId}.${String(guestId).padStart(4, "0")}.${channel}`

/** An event whose guests have tickets and no phone, with a reminder scheduled for each over the channels. */
const plan = Effect.fnUntraced(
  function* (eventId: number, guests: number, ...channels: ReadonlyArray<Channel>) {
    yield* publish(eventId, guests)
    const ids = Array.from({ length: guests }, (_, at) => at + 1)
    yield* (yield* NotificationStore).enlist(ids.flatMap((guestId) =>
      channels.map((channel) => ({
        messageId: messageId(eventId, guestId, channel),
        sequenceId: `seq_${eventId}`,
        flowId: null,
        eventId,
        guestId,
        type,
        template: "event_reminder",
        channel,
        priority: "normal",
        recipient: channel === "email" ? "guest@example.com" : "+33612345678",
        scheduledAt: past,
        skip: null
      }))
    ))
  }
)

const remind = (eventId: number) =>
  Reminders.execute({ sequenceId: `seq_${eventId}`, reminders: [{ type, at: past }] })

const ledger = (eventId: number) =>
  Effect.flatMap(
    SqlClient.SqlClient,
    (sql) =>
      sql<{ channel: string; status: string; reason: string | null; attempts: number; count: number }>`
      SELECT channel, status, reason, attempts, count(*)::int AS count FROM notifications
      WHERE sequence_id = ${`seq_${eventId}`} GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4`
  )

const sentOf = (eventId: number) =>
  Effect.map(Post, ({ sent }) => sent.filter((id) => id.startsWith(`${eventId}.`)))

const gone = "the guest has no live ticket, or no address any more"

layer(Env, { excludeTestServices: true })("a reminder that is due", (it) => {
  it.effect("is skipped for the hundreds who have no address any more, and sent to all others", () =>
    Effect.gen(function* () {
      yield* plan(1, 130, "email", "sms")
      yield* remind(1)
      assert.deepStrictEqual(yield* ledger(1), [
        { channel: "email", status: "sent", reason: null, attempts: 1, count: 130 },
        { channel: "sms", status: "skipped", reason: gone, attempts: 0, count: 130 }
      ])
      assert.strictEqual((yield* sentOf(1)).length, 130)
      assert.deepStrictEqual([...yield* QuickClocks.Sleeps], [])
    }))

  it.effect("is gone through in chunks that go forward, whatever becomes of a chunk", () =>
    Effect.gen(function* () {
      yield* plan(2, 230, "email")
      const post = yield* Post
      post.fate = () => "away"
      const chunks: Array<string | null> = []
      for (let after: string | null = ""; after !== null && chunks.length < 5;) {
        const round: { readonly last: string | null; readonly retryable: number } = yield* sendDue(
          "seq_2",
          type,
          after
        )
        chunks.push(round.last)
        after = round.last
      }
      assert.deepStrictEqual(chunks, [messageId(2, 100, "email"), messageId(2, 200, "email"), null])
      assert.strictEqual((yield* sentOf(2)).length, 230)
    }))

  it.effect("is tried again five minutes later when its failure may pass, and alone", () =>
    Effect.gen(function* () {
      yield* plan(3, 3, "email")
      const post = yield* Post
      const sleeps = yield* QuickClocks.Sleeps
      sleeps.clear()
      post.fate = (id, attempt) =>
        id === messageId(3, 2, "email") && attempt < 3
          ? "away"
          : id === messageId(3, 3, "email")
          ? "never"
          : "taken"
      yield* remind(3)
      assert.deepStrictEqual([...sleeps.values()], [300_000, 300_000])
      assert.deepStrictEqual(yield* ledger(3), [
        { channel: "email", status: "failed", reason: "InvalidRecipient", attempts: 1, count: 1 },
        { channel: "email", status: "sent", reason: null, attempts: 1, count: 1 },
        { channel: "email", status: "sent", reason: null, attempts: 3, count: 1 }
      ])
      assert.strictEqual((yield* sentOf(3)).length, 5)
    }))

  it.effect("is given up after an hour", () =>
    Effect.gen(function* () {
      yield* plan(4, 1, "email")
      const post = yield* Post
      const sleeps = yield* QuickClocks.Sleeps
      sleeps.clear()
      post.fate = () => "away"
      yield* remind(4)
      assert.deepStrictEqual(yield* ledger(4), [
        { channel: "email", status: "failed", reason: "DeliveryDelayed", attempts: 12, count: 1 }
      ])
      assert.deepStrictEqual([...sleeps.values()], Array(12).fill(300_000))
    }))
})
