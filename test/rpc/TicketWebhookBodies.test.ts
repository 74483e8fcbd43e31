/** The webhook bodies of flow 4 and the mailboxes they go to. */
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Exit, Schema } from "effect"
import {
  TicketRef,
  TicketsGenerated,
  TicketWebhook,
  toMessage,
  webhookIdOf
} from "../../rpc/TicketWebhookBodies.ts"
import documented from "../fixtures/bodies/4-ticket-webhook.request.json" with { type: "json" }

const decode = Schema.decodeUnknownSync(TicketWebhook)
const decodeExit = Schema.decodeUnknownExit(TicketWebhook)

const batch = {
  event_type: "tickets.generated",
  webhook_id: "wh_job_1_0",
  job_id: "job_1",
  event_id: 1,
  generated_at: "2025-06-15T10:25:00Z",
  processing_time_ms: 12,
  tickets: [
    {
      ticket_id: "ticket-5",
      status: "generated",
      reason: null,
      generation_data: documented.generation_data,
      metadata: {}
    },
    { ticket_id: 6, status: "failed", reason: "missing_glyph: U+4E2D", generation_data: null, metadata: {} }
  ]
}

describe("a ticket webhook", () => {
  it("takes the documented body unchanged and sends it to its ticket", () => {
    const message = toMessage(decode(documented), "req_ticket_1234567890")
    assert.deepStrictEqual<unknown>(message, {
      _tag: "Generated",
      ticketId: 123456,
      payload: {
        webhookId: "req_ticket_1234567890",
        generatedAt: DateTime.makeUnsafe("2025-06-15T10:25:00Z"),
        ticket: {
          ticketId: 123456,
          status: "generated",
          reason: null,
          data: documented.generation_data,
          metadata: documented.metadata,
          processingTimeMs: 1250,
          notificationSent: true
        },
        notify: false
      }
    })
    const { notification_sent: _, ...silent } = documented
    for (const body of [silent, { ...documented, notification_sent: false }]) {
      const asked = toMessage(decode(body), "req_1")
      assert.isTrue(asked._tag === "Generated" && asked.payload.notify)
    }
  })

  it('reads ticket numbers as 1, "1" and "ticket-1", and nothing else', () => {
    const read = Schema.decodeUnknownExit(TicketRef)
    for (const ref of [1, "1", "ticket-1"]) assert.deepStrictEqual(read(ref), Exit.succeed(1))
    for (
      const ref of [
        0,
        -1,
        1.5,
        "",
        "01",
        "ticket-",
        "ticket-0",
        "ticket 1",
        "TICKET-1",
        "9999999999999999",
        null
      ]
    ) {
      assert.isTrue(Exit.isFailure(read(ref)), String(ref))
    }
  })

  it("sends a failed ticket to its ticket, with the reason", () => {
    const body = {
      event_type: "ticket.failed",
      ticket_id: "7",
      reason: "disk full",
      generated_at: "2025-06-15T10:25:00Z"
    }
    const message = toMessage(decode(body), "req_1")
    assert.strictEqual(message._tag, "Generated")
    if (message._tag !== "Generated") return
    assert.deepInclude(message.payload.ticket, {
      ticketId: 7,
      status: "failed",
      reason: "disk full",
      data: null
    })
    assert.isFalse(message.payload.notify)
  })

  it("sends a batch to its job under its own webhook id", () => {
    const body = decode(batch)
    assert.strictEqual(webhookIdOf(body, "req_1", new Uint8Array()), "wh_job_1_0")
    const message = toMessage(body, "req_1")
    assert.strictEqual(message._tag, "BatchGenerated")
    if (message._tag !== "BatchGenerated") return
    assert.strictEqual(message.jobId, "job_1")
    assert.deepStrictEqual(message.payload.tickets.map((ticket) => [ticket.ticketId, ticket.status]), [
      [5, "generated"],
      [6, "failed"]
    ])
  })

  it("is one delivery by its X-Request-ID and its bytes together, however long the id", () => {
    const bytes = (text: string) => new TextEncoder().encode(text)
    const idOf = (requestId: string, text: string) => webhookIdOf(decode(documented), requestId, bytes(text))
    assert.strictEqual(idOf("req_1", "a"), idOf("req_1", "a"))
    assert.notStrictEqual(idOf("req_1", "a"), idOf("req_1", "b"))
    assert.notStrictEqual(idOf("req_1", "a"), idOf("req_2", "a"))
    const long = "x".repeat(10_000)
    assert.notStrictEqual(idOf(`${long}1`, "a"), idOf(`${long}2`, "a"))
    assert.isAtMost(idOf(long, "a").length, 129)
  })

  it("writes a batch as it reads it", () => {
    const body = Schema.decodeUnknownSync(TicketsGenerated)({
      ...batch,
      generated_at: "2025-06-15T10:25:00.000Z"
    })
    const written = Schema.encodeSync(TicketsGenerated)(body)
    assert.deepStrictEqual(Schema.decodeUnknownSync(TicketsGenerated)(written), body)
  })

  it("ignores an event type that it does not know", () => {
    assert.deepStrictEqual(toMessage(decode({ event_type: "ticket.printed", anything: 1 }), "req_1"), {
      _tag: "Ignored",
      eventType: "ticket.printed"
    })
  })

  it("refuses a known event type whose body is another", () => {
    for (const event_type of ["ticket.generated", "ticket.failed", "tickets.generated"]) {
      assert.isTrue(Exit.isFailure(decodeExit({ event_type })), event_type)
    }
    assert.isTrue(Exit.isFailure(decodeExit({ ...documented, ticket_id: "ticket-x" })))
    assert.isTrue(Exit.isFailure(decodeExit({})))
    const empty = batch.tickets.map((ticket) => ({ ...ticket, generation_data: null }))
    assert.isTrue(Exit.isFailure(decodeExit({ ...batch, tickets: empty })))
  })
})
