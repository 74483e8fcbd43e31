/**
 * What could not be delivered is tried again for a day, however the flow or the payment has ended.
 * Guards whose removal turns this file red: the rounds of `untilDelivered`, what waits in the ledger and not what was
 * planned, the skip of what is planned no more, a ticket's mail asks for a live ticket, the amendment
 * of step and flow, the notice as a workflow.
 */
import { assert, layer } from "@effect/vitest"
import { Context, DateTime, Effect, Layer, Option, Schema } from "effect"
import { SqlClient } from "effect/sql"
import { FlowMessagesLayer, PaymentNoticeLayer } from "../../entities/Delivery.ts"
import { CompleteFlowRequest } from "../../rpc/CompleteFlow.ts"
import { FlowMessages, PaymentNotice } from "../../rpc/Delivery.ts"
import { Notifier } from "../../src/notifications/Notifier.ts"
import {
  NotificationClient,
  NotificationsUnavailable,
  Undeliverable
} from "../../src/notifications/NotificationClient.ts"
import { InvoiceFiles } from "../../src/payments/invoices/InvoiceFiles.ts"
import { AudienceStore } from "../../src/store/notifications/AudienceStore.ts"
import { FeedStore } from "../../src/store/flows/FeedStore.ts"
import { FlowStore } from "../../src/store/flows/FlowStore.ts"
import { NotificationStore } from "../../src/store/notifications/NotificationStore.ts"
import { PaymentStore } from "../../src/store/payments/PaymentStore.ts"
import documented from "../fixtures/bodies/6-complete-flow.request.json" with { type: "json" }
import { GateStores, publish, voidTicket } from "../support/GateFixture.ts"
import { Links } from "../support/JobFixture.ts"
import { asked } from "../support/NewPayments.ts"
import * as QuickClocks from "../support/QuickClocks.ts"
import * as TestDatabase from "../support/TestDatabase.ts"

type Send = NotificationClient["Service"]["send"]

const outcomes: Readonly<Record<"taken" | "away" | "never", (messageId: string) => ReturnType<Send>>> = {
  taken: (message_id) => Effect.succeed({ message_id, channel: "email", status: "sent", provider: "test" }),
  away: () => Effect.fail(new NotificationsUnavailable({ reason: "DeliveryDelayed" })),
  never: () => Effect.fail(new Undeliverable({ reason: "DeliveryRefused" }))
}

/** How often each message was handed over, and what becomes of it at its n-th try. */
class Post extends Context.Service<Post, {
  readonly tries: Map<string, number>
  fate: (messageId: string, attempt: number) => keyof typeof outcomes
}>()("test/Post") {}

const Client = Layer.effect(
  NotificationClient,
  Effect.map(Post, (post): NotificationClient["Service"] => ({
    send: (id) =>
      Effect.suspend(() => {
        const attempt = (post.tries.get(id) ?? 0) + 1
        post.tries.set(id, attempt)
        return outcomes[post.fate(id, attempt)](id)
      })
  }))
)

const Stores = Layer.mergeAll(
  NotificationStore.layer,
  AudienceStore.layer.pipe(Layer.provide(Links)),
  FlowStore.layer,
  Layer.mock(InvoiceFiles, { forPayment: () => Effect.succeedNone, forRefund: () => Effect.succeedNone }),
  PaymentStore.layer,
  GateStores
).pipe(Layer.provideMerge(FeedStore.layer))

const Env = Layer.merge(FlowMessagesLayer, PaymentNoticeLayer).pipe(
  Layer.provideMerge(Notifier.layer),
  Layer.provide(Client),
  Layer.provideMerge(
    Layer.merge(Stores, Layer.sync(Post, () => ({ tries: new Map(), fate: () => "taken" as const })))
  ),
  Layer.provideMerge(QuickClocks.layer),
  Layer.provideMerge(TestDatabase.layer)
)

const decode = Schema.decodeUnknownSync(CompleteFlowRequest)

const idOf = (flowId: string, template: string, guestId: number) => `${flowId}.${template}.${guestId}.email`

/** A flow that has ended, three guests of which wait for what they are told. */
const ended = Effect.fnUntraced(function* (eventId: number, template: string) {
  yield* publish(eventId, 3)
  const flowId = `flow_${eventId}`
  const flows = yield* FlowStore
  const request = decode({
    ...documented,
    event_data: { ...documented.event_data, event_id: eventId },
    guests: [1, 2, 3].map((guest_id) => ({
      ...documented.guests[0],
      guest_id,
      email: `guest${guest_id}@example.com`
    })),
    notification_config: { email_templates: [template], sms_templates: [], schedule_reminders: [] }
  })
  yield* flows.accept({
    flowId,
    executionId: flowId,
    owner: "alice",
    eventId,
    request,
    deadline: DateTime.makeUnsafe("2099-01-01T00:00:00Z")
  })
  yield* flows.begin(flowId, "validation")
  yield* flows.stepEnded(flowId, "notifications", {
    status: "completed",
    result: { sent: 0, skipped: 0, waiting: 3 }
  })
  yield* flows.finish(flowId, "completed", undefined)
  yield* (yield* NotificationStore).enlist([1, 2, 3].map((guestId) => ({
    messageId: idOf(flowId, template, guestId),
    sequenceId: null,
    flowId,
    eventId,
    guestId,
    type: template,
    template,
    channel: "email",
    priority: "normal",
    recipient: `guest${guestId}@example.com`,
    scheduledAt: null,
    skip: null
  })))
  const post = yield* Post
  post.tries.clear()
  post.fate = () => "taken"
  const sleeps = yield* QuickClocks.Sleeps
  sleeps.clear()
  return flowId
})

const ledger = Effect.fnUntraced(function* (flowId: string) {
  const lines = yield* (yield* NotificationStore).ofFlow(flowId, { after: "", limit: 10 })
  return lines.map(({ attempts, reason, status }) => `${status} ${attempts} ${reason}`)
})

/** The flow's status, and its step. */
const shown = Effect.fnUntraced(function* (flowId: string) {
  const flow = Option.getOrThrow(yield* (yield* FlowStore).view(flowId))
  const { error, result, status } = flow.steps.find(({ step }) => step === "notifications")!
  return { flow: flow.status, flowError: flow.error?.code ?? null, status, error, result }
})

const seconds = Effect.map(
  QuickClocks.Sleeps,
  (sleeps) => [...sleeps.values()].map((millis) => millis / 1000)
)

const day = 86_400

layer(Env, { excludeTestServices: true })("what a flow could not deliver", (it) => {
  it.effect("is delivered when mail is there again, once, and its step says so", () =>
    Effect.gen(function* () {
      const flowId = yield* ended(1, "registration_confirmation")
      const post = yield* Post
      post.fate = (id, attempt) =>
        id === idOf(flowId, "registration_confirmation", 1) || attempt > 9 ? "taken" : "away"
      yield* FlowMessages.execute({ flowId })
      assert.deepStrictEqual(yield* ledger(flowId), ["sent 1 null", "sent 10 null", "sent 10 null"])
      assert.deepStrictEqual(yield* seconds, [15, 30, 60, 120, 240, 480, 960, 1920, 3600])
      assert.deepStrictEqual(yield* shown(flowId), {
        flow: "completed",
        flowError: null,
        status: "completed",
        error: null,
        result: { sent: 3, skipped: 0, waiting: 0 }
      })
    }))

  it.effect("is given up after a day, which its step and its flow tell", () =>
    Effect.gen(function* () {
      const flowId = yield* ended(2, "registration_confirmation")
      const post = yield* Post
      post.fate = (id) => id === idOf(flowId, "registration_confirmation", 3) ? "taken" : "away"
      yield* FlowMessages.execute({ flowId })
      assert.deepStrictEqual(yield* ledger(flowId), [
        "failed 32 DeliveryDelayed",
        "failed 32 DeliveryDelayed",
        "sent 1 null"
      ])
      const waited = (yield* seconds).reduce((sum, pause) => sum + pause, 0)
      assert.isAtLeast(waited, day)
      assert.isBelow(waited, day + 3600)
      assert.deepStrictEqual(yield* shown(flowId), {
        flow: "completed_with_errors",
        flowError: "messages_failed",
        status: "failed",
        error: { code: "messages_failed", detail: "2 messages could not be delivered; 1 were." },
        result: { sent: 1, skipped: 0, waiting: 0 }
      })
    }))

  it.effect("is told as failed at once when it is refused for good meanwhile", () =>
    Effect.gen(function* () {
      const flowId = yield* ended(3, "registration_confirmation")
      const post = yield* Post
      post.fate = (id, attempt) =>
        id !== idOf(flowId, "registration_confirmation", 2) ? "taken" : attempt === 1 ? "away" : "never"
      yield* FlowMessages.execute({ flowId })
      assert.deepStrictEqual(yield* ledger(flowId), [
        "sent 1 null",
        "failed 2 DeliveryRefused",
        "sent 1 null"
      ])
      assert.deepInclude(yield* shown(flowId), { flow: "completed_with_errors", status: "failed" })
    }))

  it.effect("is not sent once it is canceled, nor is anything else", () =>
    Effect.gen(function* () {
      const flowId = yield* ended(4, "registration_confirmation")
      yield* (yield* NotificationStore).cancel({ flowId })
      yield* FlowMessages.execute({ flowId })
      const { tries } = yield* Post
      assert.strictEqual(tries.size, 0)
      assert.deepStrictEqual(yield* ledger(flowId), Array(3).fill("canceled 0 null"))
    }))

  it.effect("is delivered though its flow was accepted before an address was judged as it is now", () =>
    Effect.gen(function* () {
      const flowId = yield* ended(6, "registration_confirmation")
      const sql = yield* SqlClient.SqlClient
      yield* sql`UPDATE flows SET request = jsonb_set(request, '{guests,1,email}', '"josé@example.com"')
                 WHERE flow_id = ${flowId}`
      yield* FlowMessages.execute({ flowId })
      assert.deepStrictEqual(yield* ledger(flowId), Array(3).fill("sent 1 null"))
    }))

  it.effect("is skipped when the guest has no such ticket any more", () =>
    Effect.gen(function* () {
      const flowId = yield* ended(5, "ticket_generated")
      const sql = yield* SqlClient.SqlClient
      // A PDF that could not be made holds nothing back: guest 3 has none.
      yield* sql`UPDATE tickets SET file_key = 'tickets/5/1.pdf', file_url = 'https://guichet.example/1'
                 WHERE event_id = 5 AND guest_id = 1`
      const [gone] = yield* sql<{ id: number }>`
        SELECT ticket_id AS id FROM tickets WHERE event_id = 5 AND guest_id = 2`
      yield* voidTicket(gone!.id)
      yield* FlowMessages.execute({ flowId })
      assert.deepStrictEqual(yield* ledger(flowId), [
        "sent 1 null",
        "skipped 0 the guest has no such ticket or payment any more",
        "sent 1 null"
      ])
      assert.deepInclude(yield* shown(flowId), { result: { sent: 2, skipped: 1, waiting: 0 } })
    }))
})

layer(Env, { excludeTestServices: true })("what a payer is told without a flow", (it) => {
  it.effect("arrives though mail is away when the payment is heard of, and once", () =>
    Effect.gen(function* () {
      const post = yield* Post
      post.fate = (_id, attempt) => attempt > 3 ? "taken" : "away"
      yield* (yield* PaymentStore).begin(asked("pay_1", {
        owner: "alice",
        customer: { name: "Jean Dupont", email: "jean@example.com" },
        metadata: {},
        createInvoice: false,
        sendReceipt: false
      }))
      for (let times = 0; times < 2; times++) {
        yield* PaymentNotice.execute({ paymentId: "pay_1", status: "refunded" })
      }
      assert.deepStrictEqual([...post.tries], [["pay_1.refund_confirmation.payer.email", 4]])
      assert.deepStrictEqual(yield* seconds, [15, 30, 60])
      const sql = yield* SqlClient.SqlClient
      assert.deepStrictEqual(yield* sql`SELECT status, attempts FROM notifications`, [
        { status: "sent", attempts: 4 }
      ])
    }))
})
