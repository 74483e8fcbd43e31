/**
 * Tickets are issued once a guest, whoever asks and how often.
 * Guards whose removal turns this file red: `ON CONFLICT`, the live ticket looked for, `status` in voids.
 */
import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Result } from "effect"
import { EventStore } from "../../../src/store/EventStore.ts"
import { TicketStore } from "../../../src/store/tickets/TicketStore.ts"
import { QrData } from "../../../src/trust/QrData.ts"
import { SigningKeys } from "../../../src/trust/SigningKeys.ts"
import { TicketCode } from "../../../rpc/values/TicketCode.ts"
import { eventData, voidTicket } from "../../support/GateFixture.ts"
import * as TestDatabase from "../../support/TestDatabase.ts"

const Env = Layer.mergeAll(TicketStore.layer, EventStore.layer).pipe(
  Layer.provideMerge(SigningKeys.layerMemory),
  Layer.provideMerge(TestDatabase.layer)
)

const request = (eventId: number, guestIds: ReadonlyArray<number>, flowId: string | null = null) => ({
  eventId,
  flowId,
  templateId: 1,
  guestIds,
  paymentState: "free" as const
})

const register = Effect.fn(function* (eventId: number, guestIds: ReadonlyArray<number>) {
  const events = yield* EventStore
  yield* events.publish(eventId, "organizer-1", eventData(eventId))
  yield* events.registerGuests(
    eventId,
    null,
    guestIds.map((guest_id) => ({
      guest_id,
      name: `Guest ${guest_id}`,
      email: `g${guest_id}@example.com`,
      ticket_type: guest_id % 2 === 0 ? "VIP" : "standard",
      locale: "en" as const
    }))
  )
})

layer(Env, { excludeTestServices: true })("the store of tickets", (it) => {
  it.effect("issues a ticket a guest, in the order asked, with a code and signed data of its own", () =>
    Effect.gen(function* () {
      const far = 9_007_199_254_740_991
      yield* register(1, [1, 2, far])
      const tickets = yield* TicketStore
      const keys = yield* SigningKeys
      const ids = yield* tickets.issue(request(1, [far, 2, 1], "flow_1"))
      assert.strictEqual(new Set(ids).size, 3)
      const views = yield* Effect.forEach(ids, tickets.get)
      assert.deepStrictEqual(views.map((view) => view.guest_id), [far, 2, 1])
      assert.deepStrictEqual(views.map((view) => view.ticket_type), ["standard", "VIP", "standard"])
      assert.strictEqual(new Set(views.map((view) => view.ticket_code)).size, 3)
      for (const view of views) {
        assert.isTrue(TicketCode.is(view.ticket_code))
        const data = QrData.verify(view.qr_data, keys.trusted)
        assert.isTrue(Result.isSuccess(data))
        if (Result.isFailure(data)) continue
        assert.deepInclude(data.success, {
          id: view.ticket_id,
          eventId: 1,
          code: view.ticket_code,
          timestamp: Math.floor(view.issued_at.epochMilliseconds / 1000)
        })
      }
    }))

  it.effect("answers the same tickets when asked again, and makes only what is missing", () =>
    Effect.gen(function* () {
      yield* register(2, [1, 2, 3])
      const tickets = yield* TicketStore
      const first = yield* tickets.issue(request(2, [1, 2]))
      const all = yield* tickets.issue(request(2, [1, 2, 3]))
      assert.deepStrictEqual(all.slice(0, 2), first)
      assert.deepStrictEqual(yield* tickets.issue(request(2, [3, 2, 1])), all.toReversed())
    }))

  it.effect("issues one ticket a guest to callers that ask at the same time", () =>
    Effect.gen(function* () {
      const guests = Array.from({ length: 40 }, (_, at) => at + 1)
      yield* register(3, guests)
      const tickets = yield* TicketStore
      const answers = yield* Effect.all(
        Array.from({ length: 6 }, () => tickets.issue(request(3, guests))),
        { concurrency: "unbounded" }
      )
      for (const answer of answers) assert.deepStrictEqual(answer, answers[0])
    }))

  it.effect("gives no ticket to someone who is not a guest", () =>
    Effect.gen(function* () {
      yield* register(4, [1])
      const tickets = yield* TicketStore
      assert.strictEqual((yield* tickets.issue(request(4, [1, 99]))).length, 1)
      assert.deepStrictEqual(yield* tickets.issue(request(404, [1])), [])
    }))

  it.effect("gives a guest whose ticket was voided another", () =>
    Effect.gen(function* () {
      yield* register(5, [1])
      const tickets = yield* TicketStore
      const [old] = yield* tickets.issue(request(5, [1]))
      yield* voidTicket(old!)
      const [renewed] = yield* tickets.issue(request(5, [1]))
      assert.notStrictEqual(renewed, old)
      assert.strictEqual((yield* tickets.get(renewed!)).status, "issued")
    }))

  it.effect("voids what a flow issued and leaves what was there before it", () =>
    Effect.gen(function* () {
      yield* register(6, [1, 2])
      const tickets = yield* TicketStore
      const [before] = yield* tickets.issue(request(6, [1], "flow_before"))
      const [, after] = yield* tickets.issue(request(6, [1, 2], "flow_after"))
      assert.strictEqual(yield* tickets.voidFlow("flow_after", "stopped"), 1)
      assert.strictEqual(yield* tickets.voidFlow("flow_after", "stopped"), 0)
      assert.strictEqual((yield* tickets.get(before!)).status, "issued")
      assert.strictEqual((yield* tickets.get(after!)).status, "voided")
    }))

  it.effect("tells a job what is live, and an owner what is theirs", () =>
    Effect.gen(function* () {
      yield* register(7, [1, 2])
      const tickets = yield* TicketStore
      const [a, b] = yield* tickets.issue(request(7, [1, 2]))
      yield* voidTicket(a!)
      const [row, ...others] = yield* tickets.forJob([b!, a!, 999_999])
      assert.deepStrictEqual(others, [])
      assert.deepInclude(row, {
        ticket_id: b!,
        name: "Guest 2",
        phone: null,
        template_name: "Premium Template"
      })
      assert.deepStrictEqual(yield* tickets.owners([b!, 999_999, a!]), [
        { ticket_id: b!, event_id: 7, owner: "organizer-1", status: "issued" },
        { ticket_id: a!, event_id: 7, owner: "organizer-1", status: "voided" }
      ])
    }))
})
