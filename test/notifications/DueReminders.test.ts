/**
 * Reminders whose time has come: each is sent, skipped for a reason, or tried again in the next round.
 * Guards whose removal turns this file red: the address of a guest in `sendDue`, each check of `obstacle`, the cursor of
 * `due`, the rounds of the workflow, `retryable` in the ledger.
 */
import { assert, layer } from "@effect/vitest"
import { DateTime, Effect, Layer } from "effect"
import { SqlClient } from "effect/sql"
import { type Channel, Reminders } from "../../rpc/NotificationSequence.ts"
import { sendDue } from "../../src/notifications/DueReminders.ts"
import { EventStore } from "../../src/store/EventStore.ts"
import { SequenceStore } from "../../src/store/notifications/SequenceStore.ts"
import { eventData } from "../support/GateFixture.ts"
import * as Post from "../support/Post.ts"
import * as QuickClocks from "../support/QuickClocks.ts"
import * as TestDatabase from "../support/TestDatabase.ts"

const { messageId, type } = Post

const Env = Post.house.pipe(Layer.provideMerge(QuickClocks.layer), Layer.provideMerge(TestDatabase.layer))

/** Reminders of 24 hours for an event that begins then, or at another time. */
const plan = Effect.fnUntraced(
  function* (eventId: number, guests: number, channels: ReadonlyArray<Channel>, hours = 24) {
    ;(yield* Post.Post).fate = () => "taken"
    yield* Post.plan(eventId, guests, channels, DateTime.add(yield* DateTime.now, { hours }))
  }
)

const remind = (eventId: number) => Reminders.execute({ sequenceId: `seq_${eventId}` })

const ledger = (eventId: number) =>
  Effect.flatMap(
    SqlClient.SqlClient,
    (sql) =>
      sql<{ channel: string; status: string; reason: string | null; attempts: number; count: number }>`
      SELECT channel, status, reason, attempts, count(*)::int AS count FROM notifications
      WHERE sequence_id = ${`seq_${eventId}`} GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4`
  )

const sentOf = (eventId: number) =>
  Effect.map(Post.Post, ({ sent }) => sent.filter((id) => id.startsWith(`${eventId}.`)))

layer(Env, { excludeTestServices: true })("a reminder that is due", (it) => {
  it.effect("is skipped for the hundreds who have no address any more, and sent to all others", () =>
    Effect.gen(function* () {
      yield* plan(1, 130, ["email", "sms"])
      yield* remind(1)
      assert.deepStrictEqual(yield* ledger(1), [
        { channel: "email", status: "sent", reason: null, attempts: 1, count: 130 },
        {
          channel: "sms",
          status: "skipped",
          reason: "the guest has no address for sms",
          attempts: 0,
          count: 130
        }
      ])
      assert.strictEqual((yield* sentOf(1)).length, 130)
      assert.deepStrictEqual([...yield* QuickClocks.Sleeps], [])
    }))

  it.effect("is gone through in chunks that go forward, whatever becomes of a chunk", () =>
    Effect.gen(function* () {
      yield* plan(2, 230, ["email"])
      const post = yield* Post.Post
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
      yield* plan(3, 3, ["email"])
      const post = yield* Post.Post
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
        { channel: "email", status: "failed", reason: "DeliveryRefused", attempts: 1, count: 1 },
        { channel: "email", status: "sent", reason: null, attempts: 1, count: 1 },
        { channel: "email", status: "sent", reason: null, attempts: 3, count: 1 }
      ])
      assert.strictEqual((yield* sentOf(3)).length, 5)
    }))

  it.effect("is given up after an hour", () =>
    Effect.gen(function* () {
      yield* plan(4, 1, ["email"])
      const post = yield* Post.Post
      const sleeps = yield* QuickClocks.Sleeps
      sleeps.clear()
      post.fate = () => "away"
      yield* remind(4)
      assert.deepStrictEqual(yield* ledger(4), [
        { channel: "email", status: "failed", reason: "DeliveryDelayed", attempts: 12, count: 1 }
      ])
      assert.deepStrictEqual([...sleeps.values()], Array(12).fill(300_000))
    }))

  it.effect("is not sent for an event that is canceled or over, nor to a guest whose ticket is void", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const events = yield* EventStore
      const skipped = (reason: string, count: number) => ({
        channel: "email",
        status: "skipped",
        reason,
        attempts: 0,
        count
      })
      for (const [eventId, status] of [[5, "canceled"], [6, "completed"]] as const) {
        yield* plan(eventId, 2, ["email"])
        yield* events.setStatus(eventId, status)
        yield* remind(eventId)
        assert.deepStrictEqual(yield* ledger(eventId), [skipped(`the event is ${status}`, 2)])
      }
      yield* plan(7, 3, ["email"])
      yield* sql`UPDATE tickets SET status = 'voided', voided_at = now() WHERE event_id = 7 AND guest_id = 2`
      yield* remind(7)
      assert.deepStrictEqual(yield* ledger(7), [
        { channel: "email", status: "sent", reason: null, attempts: 1, count: 2 },
        skipped("the guest has no live ticket", 1)
      ])
      assert.notInclude(yield* sentOf(7), messageId(7, 2, "email"))
    }))

  it.effect("says what is left when it is late, and nothing once the event has begun", () =>
    Effect.gen(function* () {
      const post = yield* Post.Post
      yield* plan(8, 1, ["email"], 1.5)
      yield* remind(8)
      assert.closeTo(
        Number(post.bodies.get(messageId(8, 1, "email"))?.variables["reminder_hours"]),
        1.5,
        0.01
      )
      yield* plan(9, 1, ["email"], -0.01)
      yield* remind(9)
      const [line] = yield* ledger(9)
      assert.match(line?.reason ?? "", /^the event had begun at 20/)
      assert.isEmpty(yield* sentOf(9))
    }))

  it.effect("is of a sequence that ends with its last reminder", () =>
    Effect.gen(function* () {
      yield* plan(10, 1, ["email"])
      const sequences = yield* SequenceStore
      const status = Effect.map(Effect.flatMap(sequences.get("seq_10"), Effect.fromOption), (stored) =>
        stored.status)
      assert.strictEqual(yield* status, "running")
      yield* remind(10)
      assert.strictEqual(yield* status, "completed")
      yield* (yield* EventStore).publish(10, "organizer-1", eventData(10))
      assert.isEmpty((yield* sequences.moved).filter(({ sequence }) =>
        sequence.sequence_id === "seq_10"
      ))
    }))
})
