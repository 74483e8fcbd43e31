/** Flow 6 as a client sees it: one documented request, and everything that is there afterwards. */
import { assert, layer } from "@effect/vitest"
import { Effect, Result } from "effect"
import { QrData } from "../src/trust/QrData.ts"
import { SigningKeys } from "../src/trust/SigningKeys.ts"
import toGenerator from "./fixtures/bodies/1-generation-job.to-ticket-generator.json" with { type: "json" }
import toNotifier from "./fixtures/bodies/5-notification-flow.to-notification-service.json" with {
  type: "json"
}
import documented from "./fixtures/bodies/6-complete-flow.request.json" with { type: "json" }
import { bodyFor, guestsNamed, outbox, read, run, start, ticketsOf } from "./support/FlowClient.ts"
import * as PdfTools from "./support/PdfTools.ts"
import * as TestAppLayer from "./support/TestApp.ts"
import { TestApp } from "./support/TestApp.ts"
import { overhear } from "./support/Witness.ts"

const bytes = Effect.fnUntraced(function* (path: string) {
  const app = yield* TestApp
  const response = yield* app.fetch(path, { headers: { authorization: `Bearer ${app.organizer}` } })
  assert.strictEqual(response.status, 200)
  return new Uint8Array(yield* Effect.promise(() => response.arrayBuffer()))
})

layer(TestAppLayer.layer, { excludeTestServices: true })("the complete flow", (it) => {
  it.effect("runs the documented body through its eight steps, and leaves what it promised", () =>
    Effect.gen(function* () {
      const generator = yield* overhear("tickets")
      const notifier = yield* overhear("notifications")
      const { accepted, flow } = yield* run(documented)
      assert.deepStrictEqual(Object.keys(accepted.json), ["flow_id", "status", "status_url", "events_url"])
      assert.strictEqual(accepted.headers.get("location"), accepted.json.status_url)
      assert.strictEqual(flow.status, "completed", JSON.stringify(flow))
      assert.deepStrictEqual(
        flow.steps.map((step: { step: string; status: string }) => `${step.step} ${step.status}`),
        [
          "validation completed",
          "event completed",
          "guests completed",
          "tickets completed",
          "payment completed",
          "notifications completed",
          "reminders completed",
          "status completed"
        ]
      )
      for (const { attempts, finished_at, started_at } of flow.steps) {
        assert.strictEqual(attempts, 1)
        assert.isAtLeast(Date.parse(finished_at), Date.parse(started_at))
      }
      const { json: event } = yield* read("/api/events/1")
      assert.deepInclude(event, { title: "Tech Conference 2025", max_attendees: 500, guests: 2, tickets: 2 })
      const { json: payment } = yield* read(`/api/payments/${flow.payment_id}`)
      assert.deepInclude(payment, { amount: 9999, currency: "EUR", status: "settled", template_access: [1] })
      const { json: { messages } } = yield* read(`${accepted.json.status_url}/messages`)
      const seen = messages.map((message: Record<string, unknown>) =>
        `${message["type"]} ${message["channel"]} ${message["guest_id"]} ${message["status"]}`
      )
      assert.sameMembers(seen, [
        "registration_confirmation email 1 sent",
        "registration_confirmation email 2 sent",
        "ticket_generated email 1 sent",
        "ticket_generated email 2 sent",
        "payment_confirmation email 1 sent",
        "ticket_alert sms 1 sent",
        "ticket_alert sms 2 sent",
        ...["email 1", "email 2", "sms 1", "sms 2"].map((whom) => `event_reminder-24h ${whom} skipped`),
        ...["sms 1", "sms 2"].map((whom) => `event_reminder-2h ${whom} skipped`)
      ])
      assert.strictEqual(Object.keys(yield* outbox(flow.flow_id)).length, 7)
      const [job] = generator
      assert.sameMembers(Object.keys(job!.json), Object.keys(toGenerator))
      assert.sameMembers(Object.keys(job!.json.tickets[0]), Object.keys(toGenerator.tickets[0]!))
      assert.sameMembers(Object.keys(job!.json.options), Object.keys(toGenerator.options))
      assert.strictEqual(notifier.length, 7)
      for (const { json } of notifier) assert.sameMembers(Object.keys(json), Object.keys(toNotifier))
    }).pipe(Effect.scoped))

  it.effect("completes for guests whose numbers lie on both sides of 2^31", () =>
    Effect.gen(function* () {
      const [near, other] = guestsNamed("John Doe", "Jane Smith")
      const { flow } = yield* run(bodyFor(31, { guests: [near!, { ...other!, guest_id: 3_000_000_000 }] }))
      assert.strictEqual(flow.status, "completed", JSON.stringify(flow))
    }))

  it.effect("takes the documented body with a trailing slash, and plans reminders that lie ahead", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      const body = bodyFor(2, { event_data: { date: "2099-06-20T09:00:00Z" } })
      const slashed = yield* app.ask("/api/orchestration/complete-flow/", { token: app.organizer, body })
      assert.strictEqual(slashed.status, 202)
      const { accepted, flow, steps } = yield* run(body)
      assert.strictEqual(accepted.json.flow_id, slashed.json.flow_id)
      assert.deepStrictEqual(steps["reminders"].result, { scheduled: 6, skipped: 0 })
      assert.isNotNull(flow.reminders_id)
      const { json: { messages } } = yield* read(`${accepted.json.status_url}/messages`)
      const planned = messages.filter((message: { status: string }) => message.status === "scheduled")
      assert.deepStrictEqual(
        [...new Set(planned.map((message: { scheduled_at: string }) => message.scheduled_at))].sort(),
        ["2099-06-19T09:00:00.000Z", "2099-06-20T07:00:00.000Z"]
      )
    }))

  it.effect(
    "prints names in Latin, Greek and Cyrillic letters, and codes that any gate can verify",
    () =>
      Effect.gen(function* () {
        const names = ["Łukasz Żółć", "Ελένη Παπαδοπούλου", "Юлия Щукина", "Zoë D’Arçon"]
        const finished = yield* run(bodyFor(3, { guests: guestsNamed(...names) }))
        assert.strictEqual(finished.flow.status, "completed", JSON.stringify(finished.flow))
        const keys = yield* SigningKeys
        for (const ticket of yield* ticketsOf(finished)) {
          const pdf = yield* bytes(`/api/tickets/${ticket.ticket_id}.pdf`)
          if (!PdfTools.has("pdftotext", "pdftoppm", "qpdf", "zbarimg")) return
          PdfTools.checkStructure(pdf)
          assert.include(PdfTools.textOf(pdf), ticket.guest_name)
          const [code] = PdfTools.codesIn(PdfTools.pagesOf(pdf, 150)[0]!)
          assert.strictEqual(code, ticket.qr_data)
          const { code: ticketCode, eventId, id } = Result.getOrThrow(QrData.verify(code!, keys.trusted))
          assert.deepStrictEqual([id, eventId, ticketCode], [ticket.ticket_id, 3, ticket.ticket_code])
        }
      }),
    30_000
  )

  it.effect("is accepted before it is done, and its deadline is timeout_seconds away", () =>
    Effect.gen(function* () {
      const accepted = yield* start(bodyFor(4))
      assert.strictEqual(accepted.json.status, "accepted")
      const { json } = yield* read(accepted.json.status_url)
      assert.include(["accepted", "running", "completed"], json.status)
      const seconds = (Date.parse(json.deadline) - Date.parse(json.created_at)) / 1000
      assert.approximately(seconds, documented.orchestration_options.timeout_seconds, 1)
      yield* read(accepted.json.events_url)
    }))
})
