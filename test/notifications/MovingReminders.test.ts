/**
 * Sequences that wait go by their event: they are woken when its date moves, and end when what they wait for never came.
 * Guards whose removal turns this file red: the date in the trigger on `events`, the keeper's wake and its letting go, the
 * version in the name of a clock, `obstacle` in a sequence's step, `let_go_at`.
 */
import { assert, layer } from "@effect/vitest"
import { DateTime, Effect, Fiber, Layer, Queue } from "effect"
import { SqlClient } from "effect/sql"
import { NotificationSequence, Reminders, type SequenceStep } from "../../rpc/NotificationSequence.ts"
import { keep } from "../../src/notifications/SequenceKeeper.ts"
import type { Notification } from "../../src/services/notifications/NotificationApi.ts"
import { EventStore } from "../../src/store/EventStore.ts"
import { NotificationStore } from "../../src/store/notifications/NotificationStore.ts"
import { SequenceStore } from "../../src/store/notifications/SequenceStore.ts"
import { eventData, publish } from "../support/GateFixture.ts"
import * as HeldClocks from "../support/HeldClocks.ts"
import * as Post from "../support/Post.ts"
import * as TestDatabase from "../support/TestDatabase.ts"

const Env = Post.house.pipe(Layer.provideMerge(HeldClocks.layer), Layer.provideMerge(TestDatabase.layer))

const hour = 3_600_000

const inHours = (hours: number) => Effect.map(DateTime.now, (now) => DateTime.add(now, { hours }))

/** The next clock that is set; its length is checked to the minute. */
const asleepFor = Effect.fnUntraced(function* (hours: number) {
  const sleeper = yield* Queue.take(yield* HeldClocks.Asleep)
  assert.closeTo(sleeper.millis, hours * hour, 60_000, sleeper.name)
  return sleeper
})

const move = Effect.fnUntraced(function* (eventId: number, date: DateTime.Utc) {
  yield* (yield* EventStore).publish(eventId, "organizer-1", eventData(eventId, { date }))
  yield* keep
})

const lines = (sequenceId: string) =>
  Effect.flatMap(NotificationStore, (ledger) => ledger.ofSequence(sequenceId))

const step = (change: Partial<SequenceStep>): SequenceStep => ({
  type: "step",
  trigger: "scheduled",
  template: "event_reminder",
  delay_seconds: 0,
  channels: ["email"],
  priority: "normal",
  data: {},
  ...change
})

/** Begins a workflow, and answers its end. */
const begun = (workflow: typeof Reminders | typeof NotificationSequence, sequenceId: string) =>
  Effect.map(Effect.forkChild(workflow.execute({ sequenceId })), Fiber.join)

/** A running sequence of guest 1, and its end. */
const sequence = Effect.fnUntraced(
  function* (eventId: number, ...steps: ReadonlyArray<Partial<SequenceStep>>) {
    const sequenceId = `seq_${eventId}`
    yield* (yield* SequenceStore).accept({
      sequenceId,
      executionId: yield* NotificationSequence.executionId({ sequenceId }),
      owner: "organizer-1",
      eventId,
      request: {
        flow_type: "notification_sequence",
        user_id: 1,
        event_id: eventId,
        notification_sequence: steps.map(step),
        channels: ["email", "sms"],
        priority: "normal",
        retry_config: { max_retries: 0, retry_delay_seconds: 0 }
      }
    })
    return yield* begun(NotificationSequence, sequenceId)
  }
)

const leftIn = (body: Notification | undefined) => Number(body?.variables["reminder_hours"])

layer(Env, { excludeTestServices: true })("a sequence whose event moves", (it) => {
  it.effect("reminds that long before the date that stands, later or earlier than the one it was made with", () =>
    Effect.gen(function* () {
      const post = yield* Post.Post
      yield* Post.plan(1, 1, ["email"], yield* inHours(26))
      const ended = yield* begun(Reminders, "seq_1")
      const first = yield* asleepFor(2)
      const later = yield* inHours(74)
      yield* move(1, later)
      const second = yield* asleepFor(50)
      assert.notStrictEqual(second.name, first.name)
      yield* first.ring
      const [line] = yield* lines("seq_1")
      assert.deepInclude(line, { status: "scheduled", scheduled_at: DateTime.subtract(later, { hours: 24 }) })
      assert.isEmpty(post.sent)
      yield* move(1, yield* inHours(10))
      yield* ended
      assert.deepStrictEqual(post.sent, [Post.messageId(1, 1, "email")])
      assert.closeTo(leftIn(post.bodies.get(post.sent[0]!)), 10, 0.01)
    }))

  it.effect("is not disturbed twice by one change, nor by a date that comes back", () =>
    Effect.gen(function* () {
      const asleep = yield* HeldClocks.Asleep
      const date = yield* inHours(26)
      yield* Post.plan(2, 1, ["email"], date)
      const ended = yield* begun(Reminders, "seq_2")
      yield* asleepFor(2)
      yield* move(2, DateTime.add(date, { hours: 24 }))
      yield* asleepFor(26)
      yield* move(2, date)
      const last = yield* asleepFor(2)
      yield* keep
      assert.isEmpty(yield* Queue.clear(asleep))
      assert.deepInclude((yield* lines("seq_2"))[0], { status: "scheduled" })
      yield* last.ring
      yield* ended
      assert.deepInclude((yield* lines("seq_2"))[0], { status: "sent" })
    }))

  it.effect("moves with it step by step, when it is a sequence of one guest", () =>
    Effect.gen(function* () {
      const post = yield* Post.Post
      yield* publish(3, 1, { date: yield* inHours(3) })
      const ended = yield* sequence(3, { data: { reminder_hours: 1.5 } }, { delay_seconds: 7_200 })
      const clocks = [
        yield* Queue.take(yield* HeldClocks.Asleep),
        yield* Queue.take(yield* HeldClocks.Asleep)
      ]
      assert.sameMembers(clocks.map(({ millis }) => Math.round(millis / hour * 2) / 2), [1.5, 2])
      const delayed = clocks.find(({ name }) => name === "2-step/delay")!
      yield* move(3, yield* inHours(6))
      const again = yield* asleepFor(4.5)
      yield* move(3, yield* inHours(0.25))
      yield* delayed.ring
      yield* again.ring
      yield* ended
      assert.deepStrictEqual((yield* lines("seq_3")).map(({ status }) => status), ["sent", "sent"])
      assert.closeTo(leftIn(post.bodies.get("seq_3.1-step.1.email")), 0.25, 0.01)
    }))
})

layer(Env, { excludeTestServices: true })("a sequence that has nothing to say any more", (it) => {
  it.effect("reminds nobody of a canceled event, of one that has begun, or without a live ticket", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const post = yield* Post.Post
      const events = yield* EventStore
      for (const eventId of [1, 2, 3]) yield* publish(eventId, 1, { date: yield* inHours(26) })
      yield* Effect.forEach(
        [
          [1, events.setStatus(1, "canceled")],
          [2, sql`UPDATE events SET starts_at = now() - interval '1 minute' WHERE event_id = 2`],
          [3, sql`UPDATE tickets SET status = 'voided', voided_at = now() WHERE event_id = 3`]
        ] as const,
        ([eventId, becomes]) =>
          Effect.gen(function* () {
            const ended = yield* sequence(eventId, { data: { reminder_hours: 24 } })
            const { ring } = yield* asleepFor(2)
            yield* becomes
            yield* ring
            // A clock of another version rang: the step looks again, and sleeps until the moment that stands.
            if (eventId === 1) yield* (yield* asleepFor(2)).ring
            yield* ended
          })
      )
      const reasons = yield* Effect.forEach([1, 2, 3], (eventId) => lines(`seq_${eventId}`))
      assert.deepStrictEqual(
        reasons.flat().map(({ reason, status }) => `${status} ${reason?.replace(/ at 2.*/, "")}`),
        [
          "skipped the event is canceled",
          "skipped the event had begun",
          "skipped the guest has no live ticket"
        ]
      )
      assert.isEmpty(post.sent)
    }))

  it.effect("ends a week after its event when what it waits for has not come, and says so", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const sequences = yield* SequenceStore
      yield* publish(4, 1)
      const welcome = { template: "welcome", type: "welcome" } as const
      const ended = yield* sequence(
        4,
        { ...welcome, trigger: "payment_success", channels: ["email", "sms"] },
        { ...welcome, trigger: "scheduled" }
      )
      const statusOf = Effect.map(
        Effect.flatMap(sequences.get("seq_4"), Effect.fromOption),
        ({ status }) => status
      )
      const ageing = (days: number) =>
        sql`UPDATE notification_sequences SET created_at = now() - ${days}::int * interval '1 day'`
      yield* ageing(6)
      yield* keep
      assert.strictEqual(yield* statusOf, "running")
      yield* ageing(8)
      yield* keep
      yield* ended
      assert.strictEqual(yield* statusOf, "completed")
      assert.deepStrictEqual(
        (yield* lines("seq_4")).map((line) => `${line.channel} ${line.status} ${line.reason}`),
        [
          "email skipped payment_success had not come 7 days after the event",
          "sms skipped payment_success had not come 7 days after the event",
          "email sent null"
        ]
      )
    }))

  it.effect("is let go once", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const sequences = yield* SequenceStore
      yield* publish(5, 1)
      yield* sequence(5, { template: "welcome", delay_seconds: 86_400 })
      yield* asleepFor(24)
      yield* sql`UPDATE notification_sequences SET created_at = now() - interval '8 days' WHERE event_id = 5`
      const stranded = Effect.flatMap(inHours(-24), sequences.stranded)
      assert.lengthOf(yield* stranded, 1)
      yield* keep
      assert.isEmpty(yield* stranded)
    }))
})
