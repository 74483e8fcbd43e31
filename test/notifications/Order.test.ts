/**
 * A guest reads messages in their order, whatever becomes of the others.
 * Guards whose removal turns this file red: one lane for each guest and channel, what waits for a message of another type.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as fc from "fast-check"
import type { Message } from "../../src/notifications/Message.ts"
import { NotificationClient, NotificationsUnavailable } from "../../src/notifications/NotificationClient.ts"
import { Notifier } from "../../src/notifications/Notifier.ts"
import { NotificationStore } from "../../src/store/notifications/NotificationStore.ts"

const types = ["registration_confirmation", "welcome", "ticket_generated"] as const

const messagesOf = (guests: number): ReadonlyArray<Message> =>
  Array.from(
    { length: guests },
    (_, guest) =>
      (["email", "sms"] as const).flatMap((channel) =>
        types.map((type): Message => ({
          messageId: `${guest}/${channel}/${type}`,
          type,
          template: type,
          channel,
          priority: "normal",
          recipient: "ana@example.com",
          eventId: 1,
          guestId: guest,
          subject: null,
          variables: {}
        }))
      )
  ).flat()

/** One sending: how many turns each message takes, and which of them are refused for now; the order of their ends. */
const sending = (guests: number, turns: (id: string) => number, isAway: (id: string) => boolean) =>
  Effect.gen(function* () {
    const ended: Array<string> = []
    const service = Layer.mock(NotificationClient, {
      send: (id) =>
        Effect.gen(function* () {
          for (let turn = 0; turn < turns(id); turn++) yield* Effect.yieldNow
          if (isAway(id)) return yield* new NotificationsUnavailable({ reason: "DeliveryDelayed" })
          ended.push(id)
          return { message_id: id, channel: "email", status: "sent", provider: "test" } as const
        })
    })
    const ledger = Layer.mock(NotificationStore, {
      open: (ids) => Effect.succeed(new Set(ids)),
      begin: (messages) => Effect.succeed(new Set(messages.map(({ messageId }) => messageId))),
      record: () => Effect.void,
      tally: () => Effect.succeed({ sent: 0, failed: 0, skipped: 0, retryable: 0 })
    })
    yield* Effect.flatMap(Notifier, (notifier) => notifier.send(messagesOf(guests))).pipe(
      Effect.provide(Layer.provide(Notifier.layer, [ledger, service]))
    )
    return ended
  })

describe("the messages of a flow", () => {
  it("come to each guest in their order, and none before one that still waits", () =>
    fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 12 }),
        fc.array(fc.integer({ min: 0, max: 7 }), { minLength: 5, maxLength: 40 }),
        fc.array(fc.boolean(), { minLength: 5, maxLength: 40 }),
        async (guests, pace, away) => {
          const all = messagesOf(guests).map(({ messageId }) => messageId)
          const at = <A>(values: ReadonlyArray<A>, id: string) => values[all.indexOf(id) % values.length]!
          const isAway = (id: string) => at(away, id)
          const ended = await Effect.runPromise(Effect.scoped(sending(guests, (id) => at(pace, id), isAway)))
          for (const [reader, own] of Map.groupBy(all, (id) => id.slice(0, id.lastIndexOf("/")))) {
            const first = own.findIndex(isAway)
            assert.deepStrictEqual(
              ended.filter((id) => id.startsWith(`${reader}/`)),
              first < 0 ? own : own.slice(0, first)
            )
          }
        }
      )
    ))
})
