/** What one organiser made, another does not see: every id of hers is 404, and nothing of hers changes; an event number is his own. */
import { assert, layer } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { TokenStore } from "../../../src/store/TokenStore.ts"
import generation from "../../fixtures/bodies/1-generation-job.request.json" with { type: "json" }
import sequence from "../../fixtures/bodies/5-notification-flow.request.json" with { type: "json" }
import * as FlowClient from "../../support/FlowClient.ts"
import * as TestAppLayer from "../../support/TestApp.ts"
import { TestApp } from "../../support/TestApp.ts"
import { ownRowCounts } from "../../support/Witness.ts"

const uploadBody = {
  event_id: 1,
  scanner_id: "scanner-1",
  operator_id: "bob",
  scans: [{
    scan_id: "bob-1",
    ticket_code: "TKT-001-ABC123",
    gate: "A",
    result: "valid",
    timestamp: "2025-06-20T09:00:00Z"
  }]
}

/** Alice's flow, with everything that it made. */
const prepare = Effect.gen(function* () {
  const app = yield* TestApp
  const { accepted, flow } = yield* FlowClient.run(FlowClient.bodyFor(1))
  assert.strictEqual(flow.status, "completed", JSON.stringify(flow))
  const job = (yield* FlowClient.read(`/api/tickets/generation-jobs/${flow.job_id}`)).json
  const tickets: ReadonlyArray<number> = job.tickets.map((ticket: { ticket_id: number }) => ticket.ticket_id)
  const [reminder] = sequence.notification_sequence.filter((step) => step.trigger === "scheduled")
  const sequenceBody = { ...sequence, user_id: 1, notification_sequence: [{ ...reminder, data: {} }] }
  const made = yield* app.ask("/api/orchestration/notification-flow", {
    token: app.organizer,
    body: sequenceBody
  })
  yield* FlowClient.until(FlowClient.read(made.json.status_url), ({ json }) => json.messages.length === 2)
  const urls = [
    accepted.json.status_url,
    accepted.json.events_url,
    `${accepted.json.status_url}/messages`,
    `/api/tickets/generation-jobs/${flow.job_id}`,
    `/api/tickets/generation-jobs/${flow.job_id}/events`,
    ...tickets.flatMap((id) => [`/api/tickets/${id}`, `/api/tickets/${id}.pdf`]),
    "/api/events/1",
    "/api/events/1/gate",
    "/api/events/1/gate-rules",
    "/api/events/1/scans",
    "/api/events/1/offline-bundle?gate=A",
    `/api/payments/${flow.payment_id}`,
    `/api/invoices/${flow.invoice_number}.pdf`,
    made.json.status_url
  ]
  const bob = Redacted.value((yield* (yield* TokenStore).create({ role: "organizer", subject: "bob" })).token)
  return { bob, tickets, urls, cancelUrl: `${made.json.status_url}/cancel`, sequenceBody }
})

layer(TestAppLayer.layer, { excludeTestServices: true })("another organiser", (it) => {
  it.effect(
    "reads nothing of hers, changes nothing of hers, and cannot tell hers from nothing",
    () =>
      Effect.gen(function* () {
        const app = yield* TestApp
        const { bob, cancelUrl, sequenceBody, tickets, urls } = yield* prepare
        const before = yield* ownRowCounts
        for (const url of urls) {
          assert.strictEqual((yield* app.ask(url, { token: app.organizer })).status, 200, url)
          assert.strictEqual((yield* app.ask(url, { token: app.admin })).status, 200, url)
          const answer = yield* app.ask(url, { token: bob })
          assert.strictEqual(answer.status, 404, url)
          assert.notInclude(answer.text, "alice")
        }
        const posts = [
          ["/api/orchestration/notification-flow", sequenceBody],
          [cancelUrl, undefined],
          ["/api/scans/unknown/annul", { event_id: 1, scanner_id: "scanner-1" }],
          ["/api/scans/batch", uploadBody]
        ] as const
        for (const [url, body] of posts) {
          const answer = yield* app.ask(url, { method: "POST", token: bob, body })
          assert.strictEqual(answer.status, 404, `${url} ${answer.text}`)
        }
        const job = { ...generation, ticket_ids: tickets }
        const refused = yield* app.ask("/api/tickets/generation-jobs", { token: bob, body: job })
        const unknown = { ...generation, ticket_ids: tickets.map((id) => id + 1_000) }
        const missing = yield* app.ask("/api/tickets/generation-jobs", { token: bob, body: unknown })
        assert.strictEqual(refused.status, 422)
        assert.strictEqual(
          JSON.stringify(refused.json.errors),
          JSON.stringify(missing.json.errors).replaceAll(
            /ticket 1(\d{3})/g,
            (_, id) => `ticket ${Number(id)}`
          )
        )
        assert.deepStrictEqual(yield* ownRowCounts, before)
        assert.strictEqual((yield* FlowClient.read("/api/events/1")).json.title, "Tech Conference 2025")
      }),
    60_000
  )

  it.effect("has an invoice, tickets and files that no cache keeps", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      const { urls } = yield* prepare
      for (const url of urls.filter((url) => url.endsWith(".pdf"))) {
        const { headers, text } = yield* app.ask(url, { token: app.organizer })
        assert.strictEqual(headers.get("content-type"), "application/pdf")
        assert.strictEqual(headers.get("cache-control"), "no-store")
        assert.strictEqual(headers.get("x-content-type-options"), "nosniff")
        assert.isTrue(text.startsWith("%PDF-"))
      }
    }), 60_000)
})
