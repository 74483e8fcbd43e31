/** The demonstration's own judgement: what it takes for right, and what it does not. */
import { assert, describe, it } from "@effect/vitest"
import { DateTime, Schema } from "effect"
import { CompleteFlowRequest } from "../../../rpc/CompleteFlow.ts"
import type { MessageView } from "../../../rpc/NotificationSequence.ts"
import { admissionFaults, ledgerFaults, refusalFaults } from "../../../src/cli/demo/Expected.ts"
import type { ScanAnswer } from "../../../src/gate/ScanAnswer.ts"
import documented from "../../fixtures/bodies/6-complete-flow.request.json" with { type: "json" }

const request = Schema.decodeUnknownSync(CompleteFlowRequest)(documented)
const before = DateTime.makeUnsafe("2025-06-01T00:00:00Z")
const between = DateTime.makeUnsafe("2025-06-20T00:00:00Z")
const later = DateTime.makeUnsafe("2026-01-01T00:00:00Z")

const message = (
  type: string,
  guest: number,
  channel: MessageView["channel"],
  status: MessageView["status"]
): MessageView => ({
  message_id: `flow_1.${type}.${guest}.${channel}`,
  type,
  template: type,
  channel,
  guest_id: guest,
  status,
  reason: status === "skipped" ? "its time had passed" : null,
  attempts: 1,
  possible_double: false,
  scheduled_at: null,
  sent_at: null
})

const sent: ReadonlyArray<MessageView> = [
  ...[1, 2].flatMap((guest) => [
    message("registration_confirmation", guest, "email", "sent"),
    message("ticket_generated", guest, "email", "sent"),
    message("ticket_alert", guest, "sms", "sent")
  ]),
  message("payment_confirmation", 1, "email", "sent")
]

const reminders = (
  dayBefore: MessageView["status"],
  hoursBefore: MessageView["status"]
): ReadonlyArray<MessageView> =>
  [1, 2].flatMap((guest) => [
    message("event_reminder-24h", guest, "email", dayBefore),
    message("event_reminder-24h", guest, "sms", dayBefore),
    message("event_reminder-2h", guest, "sms", hoursBefore)
  ])

const scan = (change: Partial<ScanAnswer>): ScanAnswer => ({
  scan_id: "s",
  result: "valid",
  ticket_id: 1,
  event_id: 1,
  gate: "A",
  direction: "entry",
  guest_first_name: "John",
  ticket_type: "VIP",
  first_use: null,
  last_use: null,
  timezone: "Europe/Paris",
  signals: [],
  decided_at: later,
  message: "Welcome.",
  took_ms: 1,
  ...change
})

describe("what the demonstration expects", () => {
  it("expects every reminder skipped after the event, scheduled before it, each by its own time", () => {
    assert.deepStrictEqual(ledgerFaults(request, later, [...sent, ...reminders("skipped", "skipped")]), [])
    assert.deepStrictEqual(
      ledgerFaults(request, before, [...sent, ...reminders("scheduled", "scheduled")]),
      []
    )
    assert.deepStrictEqual(
      ledgerFaults(request, between, [...sent, ...reminders("skipped", "scheduled")]),
      []
    )
    assert.lengthOf(ledgerFaults(request, later, [...sent, ...reminders("skipped", "scheduled")]), 2)
  })

  it("names a message that is missing, one that failed, and one that nobody asked for", () => {
    const [first, second, ...others] = sent
    const ledger = [{ ...second!, status: "failed" as const }, ...others, ...reminders("skipped", "skipped")]
    assert.deepStrictEqual(
      ledgerFaults(request, later, [...ledger, message("welcome", 1, "email", "sent")]),
      [
        `The message ${first!.type}.1.email is not in the ledger.`,
        "The message ticket_generated.1.email is failed and not sent: no reason.",
        "Nobody asked for the message welcome.1.email."
      ]
    )
  })

  it("expects no SMS for a guest without a phone, and says so in the ledger", () => {
    const alone = { ...request, guests: request.guests.map((guest) => ({ ...guest, phone: null })) }
    const ledger = [...sent, ...reminders("skipped", "skipped")]
      .map((line) =>
        line.channel === "sms" ? { ...line, status: "skipped" as const, reason: "no address" } : line
      )
    assert.deepStrictEqual(ledgerFaults(alone, later, ledger), [])
    assert.lengthOf(ledgerFaults(request, later, ledger), 2)
  })

  it("expects the second gate to say when and where the first let the ticket in", () => {
    const first = scan({})
    const second = scan({ gate: "B", result: "already_used", first_use: { at: later, gate: "A" } })
    assert.deepStrictEqual([...admissionFaults(first), ...refusalFaults(first)(second)], [])
    assert.lengthOf(refusalFaults(first)(scan({ gate: "B" })), 1)
    assert.lengthOf(refusalFaults(first)({ ...second, first_use: null }), 1)
    assert.lengthOf(refusalFaults(first)({ ...second, first_use: { at: later, gate: "C" } }), 1)
    assert.lengthOf(refusalFaults(first)({ ...second, first_use: { at: before, gate: "A" } }), 1)
    assert.lengthOf(admissionFaults(second), 1)
  })
})
