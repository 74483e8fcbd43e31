/** One wrong field at a time in every documented body: refused at that very field, and nothing is stored. */
import { assert, layer } from "@effect/vitest"
import { Effect, type Schema } from "effect"
import job from "../fixtures/bodies/1-generation-job.request.json" with { type: "json" }
import payment from "../fixtures/bodies/2-payment-webhook.request.json" with { type: "json" }
import ticket from "../fixtures/bodies/4-ticket-webhook.request.json" with { type: "json" }
import sequence from "../fixtures/bodies/5-notification-flow.request.json" with { type: "json" }
import flow from "../fixtures/bodies/6-complete-flow.request.json" with { type: "json" }
import * as FlowClient from "../support/FlowClient.ts"
import { misfits, type Mutation, mutations, replace } from "../support/Mutations.ts"
import * as TestAppLayer from "../support/TestApp.ts"
import { type Answer, TestApp } from "../support/TestApp.ts"
import * as Webhooks from "../support/Webhooks.ts"
import { ownRowCounts, rowCounts } from "../support/Witness.ts"

type Json = Schema.Json

const complaint = (
  { name, pointer }: Mutation,
  { headers, json, status, text }: Answer
): string | undefined => {
  if (status !== 400 && status !== 422) return `${name}: ${status} ${text.slice(0, 200)}`
  if (headers.get("content-type") !== "application/problem+json") {
    return `${name}: ${headers.get("content-type")}`
  }
  if (json.status !== status || typeof json.type !== "string") return `${name}: ${text.slice(0, 200)}`
  const pointers = (json.errors ?? []).map((error: { pointer?: string }) => error.pointer)
  return pointers.includes(pointer)
    ? undefined
    : `${name}: told at ${JSON.stringify(json.errors).slice(0, 300)}`
}

const refusesAll = Effect.fnUntraced(function* <R>(
  cases: ReadonlyArray<Mutation>,
  send: (body: Json) => Effect.Effect<Answer, never, R>,
  counts: typeof rowCounts = ownRowCounts
) {
  const before = yield* counts
  const answers = yield* Effect.forEach(
    cases,
    (mutation) => Effect.map(send(mutation.body), (answer) => complaint(mutation, answer))
  )
  assert.strictEqual(answers.filter((text) => text !== undefined).join("\n"), "")
  assert.deepStrictEqual(yield* counts, before)
})

const post = (path: string) => (body: Json) =>
  Effect.flatMap(TestApp, (app) => app.ask(path, { token: app.organizer, body }))

const hugeText = "x".repeat(100_000)
/** Values that no text for people is. */
const badText = ["", "   ", "a\u0000b", "a\nb", "a\u0085b", "\ud800", hugeText, `${hugeText}\u0001`]
const badEmail = [
  "",
  "nobody",
  "@example.com",
  "a@b",
  "a b@example.com",
  "a\u0000@example.com",
  "a@exa\u0001mple.com"
]
/** Addresses of people that no message of ours could be sent to. */
const unmailable = ["josé@example.com", "a..b@example.com", "a@b.c", "a@exa_mple.com"]
const badInstant = [
  "2025-02-30T09:00:00Z",
  "2025-06-20",
  "2025-06-20T25:00:00Z",
  "2025-13-01T00:00:00Z",
  "soon"
]
const badId = [0, -1, 1.5, 2 ** 53, 1e300]

const each = (pointer: string, values: ReadonlyArray<Json>) =>
  values.map((value): readonly [string, Json] => [pointer, value])

const upload = {
  event_id: 1,
  scanner_id: "scanner-1",
  operator_id: "operator-123",
  scans: [
    {
      scan_id: "offline-1",
      ticket_code: "TKT-001-ABC123",
      gate: "A",
      direction: "entry",
      result: "valid",
      timestamp: "2025-06-20T09:00:00Z"
    },
    {
      scan_id: "offline-2",
      qr_data: "{}",
      scan_location: { gate: "A", section: "VIP", coordinates: { lat: 48.8566, lng: 2.3522 } },
      result: "forged",
      timestamp: "2025-06-20T09:01:00Z"
    }
  ]
}

const manyGuests = Array.from({ length: 10_001 }, (_, at) => ({
  ...flow.guests[0]!,
  guest_id: at + 1,
  email: `g${at}@example.com`
}))

layer(TestAppLayer.layer, { excludeTestServices: true })("a bad field is refused", (it) => {
  it.effect("in the complete flow: missing, or of another type", () =>
    refusesAll(
      mutations(flow, {
        optional: ["/guests/0/phone", "/guests/1/phone"],
        nullable: ["/guests/0/phone", "/guests/1/phone"]
      }),
      post("/api/orchestration/complete-flow"),
      rowCounts
    ), 30_000)

  it.effect("in the complete flow: out of range", () =>
    refusesAll(
      misfits(flow, [
        ["/flow_type", "notification_sequence"],
        ...each("/event_data/event_id", badId),
        ...each("/event_data/title", badText),
        ...each("/event_data/date", badInstant),
        ...each("/event_data/location", badText),
        ...each("/event_data/max_attendees", [0, -1, 1.5, 1_000_001]),
        ["/event_data/max_attendees", 1, "/guests"],
        ...each("/event_data/status", ["canceled", "completed", "Active", ""]),
        ["/guests", []],
        ["/guests", manyGuests],
        ...each("/guests/0/guest_id", badId),
        ["/guests/1/guest_id", 1],
        ...each("/guests/0/name", badText),
        ...each("/guests/0/email", [...badEmail, ...unmailable]),
        ["/guests/0/email", `${"x".repeat(250)}@example.com`],
        ...each("/guests/0/phone", [
          "0612345678",
          "+33 6 12 34 56 78",
          "+0123456789",
          "+1",
          "",
          "+33\u0000612345678"
        ]),
        ...each("/guests/0/ticket_type", badText),
        ...each("/ticket_config/template_id", [...badId, 424_242]),
        ["/ticket_config/priority", "urgent"],
        ...each("/payment_config/amount", [-1, 99.99, 100_000_000]),
        ...each("/payment_config/currency", ["eur", "EURO", "ABC", ""]),
        ["/payment_config/method", "paypal"],
        ["/notification_config/email_templates/0", "no_such_template"],
        [
          "/notification_config/email_templates/1",
          "registration_confirmation",
          "/notification_config/email_templates"
        ],
        ["/notification_config/sms_templates/0", "no_such_template"],
        ["/notification_config/schedule_reminders/0/type", "no_such_template"],
        ...each("/notification_config/schedule_reminders/0/hours_before", [-1, 0.5, 1e6]),
        ["/notification_config/schedule_reminders/0/channels", []],
        ["/notification_config/schedule_reminders/0/channels", ["sms", "sms"]],
        ["/notification_config/schedule_reminders/0/channels/0", "fax"],
        [
          "/notification_config/schedule_reminders",
          Array(21).fill(flow.notification_config.schedule_reminders[0]!)
        ],
        ["/orchestration_options/error_handling", "hope"],
        ...each("/orchestration_options/timeout_seconds", [0, -1, 1.5, 86_401])
      ]),
      post("/api/orchestration/complete-flow"),
      rowCounts
    ), 30_000)

  it.effect("in a generation job", () =>
    refusesAll(
      [
        ...mutations(job),
        ...misfits(job, [
          ["/ticket_ids", []],
          ["/ticket_ids", [1, 1]],
          ["/ticket_ids", Array.from({ length: 10_001 }, (_, at) => at + 1)],
          ...each("/ticket_ids/0", [...badId, 424_242]),
          ["/options/qrFormat", "gif"],
          ["/options/qrSize", "giant"],
          ["/options/priority", "urgent"]
        ])
      ],
      post("/api/tickets/generation-jobs"),
      rowCounts
    ), 30_000)

  it.effect("in a notification sequence", () =>
    Effect.gen(function* () {
      yield* FlowClient.run(FlowClient.bodyFor(sequence.event_id))
      const free = sequence.notification_sequence.map((_, at) => `/notification_sequence/${at}/data`)
      yield* refusesAll(
        [
          ...mutations(sequence, { free }),
          ...misfits(sequence, [
            ["/flow_type", "complete_event_flow"],
            ...each("/user_id", badId),
            ...each("/event_id", badId),
            ["/notification_sequence", []],
            ["/notification_sequence", Array(51).fill(sequence.notification_sequence[0]!)],
            ...each("/notification_sequence/0/type", badText),
            ["/notification_sequence/0/trigger", "full_moon"],
            ["/notification_sequence/0/template", "no_such_template"],
            ...each("/notification_sequence/0/delay_seconds", [-1, 0.5, 1e9]),
            ["/notification_sequence/0/channels", []],
            ["/notification_sequence/0/channels/0", "fax"],
            ["/notification_sequence/0/priority", "urgent"],
            ...each("/notification_sequence/0/data/subject", ["a\u0000b", "\ud800"]),
            ["/notification_sequence/0/data/personalization/first_name", "a\u0000b"],
            ["/notification_sequence/0/data/personalization", { "a\u0000b": 1 }],
            ["/channels", []],
            ["/channels/0", "fax"],
            ["/priority", "urgent"],
            ...each("/retry_config/max_retries", [-1, 0.5, 11]),
            ...each("/retry_config/retry_delay_seconds", [-1, 0.5, 1e9])
          ])
        ],
        post("/api/orchestration/notification-flow")
      )
    }), 30_000)

  it.effect("in an upload of scans that a device decided alone", () =>
    refusesAll(
      [
        ...mutations(upload, {
          optional: [
            "/scans/0/ticket_code",
            "/scans/0/gate",
            "/scans/0/direction",
            "/scans/1/qr_data",
            "/scans/1/scan_location",
            "/scans/1/scan_location/section",
            "/scans/1/scan_location/coordinates"
          ],
          nullable: [
            "/scans/0/ticket_code",
            "/scans/0/gate",
            "/scans/1/qr_data",
            "/scans/1/scan_location",
            "/scans/1/scan_location/section",
            "/scans/1/scan_location/coordinates"
          ]
        }),
        ...misfits(upload, [
          ...each("/event_id", badId),
          ...each("/scanner_id", badText),
          ...each("/operator_id", badText),
          ["/scans", []],
          ["/scans", Array.from({ length: 5_001 }, (_, at) => ({ ...upload.scans[0]!, scan_id: `s-${at}` }))],
          ...each("/scans/0/scan_id", ["", " ", "a b", "\u0000", "x".repeat(129)]),
          ["/scans/1/scan_id", "offline-1"],
          ["/scans/0/ticket_code", null],
          ["/scans/0/ticket_code", "x".repeat(4_097)],
          ["/scans/1/qr_data", null, "/scans/1/ticket_code"],
          ["/scans/1/qr_data", "x".repeat(4_097)],
          ["/scans/0/gate", null],
          ...each("/scans/0/gate", badText),
          ["/scans/1/scan_location", null, "/scans/1/gate"],
          ["/scans/1", { ...upload.scans[1]!, gate: "B" }, "/scans/1/gate"],
          ...each("/scans/1/scan_location/gate", badText),
          ["/scans/0/direction", "sideways"],
          ...each("/scans/0/result", ["ok", "Valid", ""]),
          ...each("/scans/0/timestamp", badInstant)
        ])
      ],
      post("/api/scans/batch")
    ), 30_000)

  it.effect("in a payment webhook that is signed as it should be", () =>
    refusesAll(
      [
        ...mutations(payment, {
          optional: [
            "/metadata/event_id",
            "/metadata/user_id",
            "/metadata/ticket_count",
            "/metadata/template_id",
            "/customer/id",
            "/payment_method",
            "/payment_method/brand",
            "/payment_method/last4"
          ]
        }),
        ...misfits(payment, [
          ...each("/event_type", ["", "a\u0000b", hugeText]),
          ...each("/payment_id", ["", "pi_1", "pay_", "pay_ä", `pay_${"x".repeat(65)}`]),
          ...each("/amount", [-1, 99.99, 1_000_000_000_000]),
          ...each("/currency", ["eur", "ABC"]),
          ...each("/status", ["a\u0000b", hugeText]),
          ...each("/timestamp", badInstant),
          ...each("/metadata/event_id", badId),
          ...each("/metadata/user_id", badId),
          ...each("/metadata/ticket_count", [-1, 0.5]),
          ...each("/metadata/template_id", badId),
          ...each("/customer/id", ["a\u0000b", hugeText]),
          ...each("/customer/email", badEmail),
          ...each("/customer/name", ["a\u0000b", "\ud800", hugeText]),
          ...each("/payment_method/type", ["a\u0000b", hugeText]),
          ...each("/payment_method/brand", ["a\u0000b", hugeText]),
          ...each("/payment_method/last4", ["a\u0000b", hugeText]),
          ...each("/webhook_id", ["", "a\u0000b", "x".repeat(129)]),
          ...each("/created", [0.5, -1, 1e300])
        ])
      ],
      (body) => Webhooks.payment(body)
    ), 30_000)

  it.effect("in a ticket webhook that is signed as it should be", () =>
    refusesAll(
      [
        ...mutations(ticket, {
          optional: [
            "/template_id",
            "/guest_id",
            "/event_id",
            "/generation_data/qr_size",
            "/notification_sent",
            "/processing_time_ms",
            "/metadata"
          ],
          nullable: ["/generation_data/file_url", "/generation_data/qr_url", "/generation_data/file_size"],
          free: ["/metadata"]
        }),
        ...misfits(ticket, [
          ["/event_type", ""],
          ...each("/ticket_id", ["", "ticket-", "ticket-0", "guest-1", 0, -1, 2 ** 53]),
          ...each("/template_id", badId),
          ...each("/guest_id", badId),
          ...each("/event_id", badId),
          ...each("/generation_data/format", ["a\u0000b", hugeText]),
          ...each("/generation_data/file_url", ["a\u0000b", "javascript:alert(1)", "not a url"]),
          ...each("/generation_data/qr_url", ["a\u0000b", "not a url"]),
          ...each("/generation_data/file_size", [-1, 0.5, 1e300]),
          ...each("/generated_at", badInstant),
          ...each("/processing_time_ms", [-1]),
          ["/metadata/seat_number", "a\u0000b"]
        ])
      ],
      (body) => Webhooks.ticket(body)
    ), 30_000)

  it.effect("a body nested too deep is a bad request, not a fault", () =>
    Effect.gen(function* () {
      const text = JSON.stringify(replace(sequence, "/notification_sequence/0/data/subject", "DEEP"))
        .replace(`"DEEP"`, `${"[".repeat(50_000)}${"]".repeat(50_000)}`)
      const app = yield* TestApp
      const answer = yield* app.ask("/api/orchestration/notification-flow", {
        token: app.organizer,
        body: text
      })
      assert.include([400, 422], answer.status, answer.text)
    }))
})
