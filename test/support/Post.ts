/** Reminders and sequences with a notification service of the test's own; the workflow engine and the database are left open. */
import { Context, DateTime, Effect, Layer } from "effect"
import { NotificationSequenceLayer, RemindersLayer } from "../../entities/NotificationSequence.ts"
import { type Channel, Reminders } from "../../rpc/NotificationSequence.ts"
import { Notifier } from "../../src/notifications/Notifier.ts"
import { Triggers } from "../../src/notifications/Triggers.ts"
import type { Notification } from "../../src/services/notifications/NotificationApi.ts"
import {
  NotificationClient,
  NotificationsUnavailable,
  Undeliverable
} from "../../src/notifications/NotificationClient.ts"
import { AudienceStore } from "../../src/store/notifications/AudienceStore.ts"
import { NotificationStore } from "../../src/store/notifications/NotificationStore.ts"
import { SequenceStore } from "../../src/store/notifications/SequenceStore.ts"
import { GateStores, publish } from "./GateFixture.ts"
import { Links } from "./JobFixture.ts"

/** The type of the reminders that `plan` makes. */
export const type = "event_reminder-24h"

/** What was sent, in order, and what becomes of a message at its n-th try: `away` may pass, `never` may not. */
export class Post extends Context.Service<Post, {
  readonly sent: Array<string>
  readonly bodies: Map<string, Notification>
  fate: (messageId: string, attempt: number) => "taken" | "away" | "never"
}>()("test/Post") {}

const PostLayer = Layer.sync(Post, () => ({ sent: [], bodies: new Map(), fate: () => "taken" as const }))

const outcomes = {
  taken: (message_id: string) =>
    Effect.succeed({ message_id, channel: "email" as const, status: "sent" as const, provider: "test" }),
  away: () => Effect.fail(new NotificationsUnavailable({ reason: "DeliveryDelayed" })),
  never: () => Effect.fail(new Undeliverable({ reason: "DeliveryRefused" }))
}

const Client = Layer.effect(
  NotificationClient,
  Effect.map(Post, (post): NotificationClient["Service"] => ({
    send: (id, body) =>
      Effect.gen(function* () {
        post.sent.push(id)
        post.bodies.set(id, body)
        return yield* outcomes[post.fate(id, post.sent.filter((sent) => sent === id).length)](id)
      })
  }))
)

export const house = Layer.merge(NotificationSequenceLayer, RemindersLayer).pipe(
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
  )
)

export const messageId = (eventId: number, guestId: number, channel: Channel) =>
  `${eventId}.${String(guestId).padStart(4, "0")}.${channel}`

/** An event whose guests have tickets and no phone, with a reminder of 24 hours for each over the channels. */
export const plan = Effect.fnUntraced(
  function* (eventId: number, guests: number, channels: ReadonlyArray<Channel>, date: DateTime.Utc) {
    yield* publish(eventId, guests, { date })
    const sequenceId = `seq_${eventId}`
    yield* (yield* SequenceStore).acceptReminders({
      sequenceId,
      executionId: yield* Reminders.executionId({ sequenceId }),
      owner: "organizer-1",
      eventId,
      plan: { reminders: [{ type, hours_before: 24 }] }
    })
    const ids = Array.from({ length: guests }, (_, at) => at + 1)
    yield* (yield* NotificationStore).enlist(ids.flatMap((guestId) =>
      channels.map((channel) => ({
        messageId: messageId(eventId, guestId, channel),
        sequenceId,
        flowId: null,
        eventId,
        guestId,
        type,
        template: "event_reminder",
        channel,
        priority: "normal",
        recipient: channel === "email" ? "guest@example.com" : "+33612345678",
        scheduledAt: DateTime.subtract(date, { hours: 24 }),
        skip: null
      }))
    ))
  }
)
