/** What a message may carry: never a file that a client named. */
import { assert, describe, it } from "@effect/vitest"
import { DateTime } from "effect"
import { bodyOf, messageIdOf, toGuest } from "../../src/notifications/Message.ts"
import type { Reader } from "../../src/store/notifications/AudienceStore.ts"
import documented from "../fixtures/bodies/5-notification-flow.to-notification-service.json" with {
  type: "json"
}

const reader: Reader = {
  event_id: 1_000_000_001,
  event_number: 1,
  title: "Tech Conference 2025",
  starts_at: DateTime.makeUnsafe("2025-06-20T09:00:00Z"),
  timezone: "Europe/Paris",
  location: "Paris Expo",
  owner: "alice",
  guest_id: 123,
  name: "Jean Dupont",
  email: "jean.dupont@example.com",
  phone: "+33612345678",
  locale: "fr",
  ticket_id: 7,
  code: "TKT-001-ABC123",
  file_key: "tickets/7/ticket.pdf",
  file_url: "http://localhost/files/tickets/7/ticket.pdf",
  qr_key: "tickets/7/qr.txt",
  qr_url: null,
  qr_data: '{"id":7}',
  flow_id: null
}

const base = {
  messageId: messageIdOf("seq_1", "1-x", 123, "email"),
  type: "x",
  channel: "email",
  priority: "high"
} as const

const stolen = [{ filename: "a.pdf", file_key: "tickets/1/ticket.pdf", content_type: "application/pdf" }]

describe("a message", () => {
  it("ignores files and identities that its sender wrote into the data", () => {
    const message = toGuest(reader, {
      ...base,
      template: "welcome",
      data: {
        attachments: stolen,
        user_id: 1,
        ticket_code: "TKT-001-OTHER",
        personalization: { attachments: stolen, event_id: 2, first_name: "Jeannot" }
      }
    })
    assert.notProperty(message.variables, "attachments")
    assert.deepInclude(message.variables, {
      user_id: 123,
      event_id: 1,
      ticket_code: "TKT-001-ABC123",
      first_name: "Jeannot"
    })
  })

  it("carries the reader's own ticket, and only what is there and asked for", () => {
    const files = (data: Record<string, boolean>, whom = reader) =>
      toGuest(whom, { ...base, template: "ticket_generated", data: { ...data, attachments: stolen } })
        .variables["attachments"]
    const pdf = {
      filename: "TKT-001-ABC123.pdf",
      file_key: "tickets/7/ticket.pdf",
      content_type: "application/pdf"
    }
    const qr = { filename: "qr.png", qr_text: '{"id":7}', content_type: "image/png" }
    assert.deepStrictEqual(files({}), [pdf, qr])
    assert.deepStrictEqual(files({ include_pdf: false }), [qr])
    assert.isUndefined(files({ include_pdf: false, include_qr: false }))
    assert.deepStrictEqual(files({}, { ...reader, file_key: null, file_url: null }), [qr])
    assert.deepStrictEqual(files({}, { ...reader, qr_data: null }), [pdf])
  })

  it("links to the ticket's PDF, or else to its QR code", () => {
    const linked = (whom: Reader) =>
      toGuest(whom, { ...base, template: "ticket_alert", data: {} }).variables["ticket_url"]
    const both = { ...reader, qr_url: "http://localhost/files/tickets/7/qr.svg" }
    assert.strictEqual(linked(both), reader.file_url)
    assert.strictEqual(linked({ ...both, file_url: null }), both.qr_url)
    assert.isUndefined(linked({ ...reader, file_url: null }))
  })

  it("is sent with exactly the documented fields", () => {
    const message = toGuest(reader, { ...base, template: "welcome", data: { subject: "Bienvenue" } })
    const body = bodyOf({ ...message, recipient: "jean.dupont@example.com" })
    assert.deepStrictEqual(Object.keys(body).sort(), Object.keys(documented).sort())
  })

  it("has an id that the notification service accepts, however long its type", () => {
    assert.isAtMost(
      messageIdOf(`flow_${"x".repeat(20)}`, "é".repeat(200), Number.MAX_SAFE_INTEGER, "email").length,
      128
    )
  })
})
