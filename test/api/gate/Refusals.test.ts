/** Whatever is asked the wrong way: the right status, a problem, and the headers that say what to do. */
import { assert, layer } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { TokenStore } from "../../../src/store/TokenStore.ts"
import job from "../../fixtures/bodies/1-generation-job.request.json" with { type: "json" }
import payment from "../../fixtures/bodies/2-payment-webhook.request.json" with { type: "json" }
import ticket from "../../fixtures/bodies/4-ticket-webhook.request.json" with { type: "json" }
import sequence from "../../fixtures/bodies/5-notification-flow.request.json" with { type: "json" }
import flow from "../../fixtures/bodies/6-complete-flow.request.json" with { type: "json" }
import * as TestAppLayer from "../../support/TestApp.ts"
import { type Answer, TestApp } from "../../support/TestApp.ts"
import * as Webhooks from "../../support/Webhooks.ts"
import { rowCounts } from "../../support/Witness.ts"

const bodies = {
  "/api/tickets/generation-jobs": job,
  "/api/orchestration/notification-flow": sequence,
  "/api/orchestration/complete-flow": flow
} as const

const clientRoutes = Object.keys(bodies)
const webhookRoutes = ["/api/payment-webhook-routes", "/api/ticket-webhook-routes"]

const reads = [
  "/api/orchestration/flows/flow_x",
  "/api/orchestration/flows/flow_x/events",
  "/api/orchestration/flows/flow_x/messages",
  "/api/orchestration/notification-flow/seq_x",
  "/api/tickets/generation-jobs/job_x",
  "/api/tickets/generation-jobs/job_x/events",
  "/api/tickets/1",
  "/api/tickets/1.pdf",
  "/api/events/1",
  "/api/events/1/scans",
  "/api/payments/pay_x",
  "/api/invoices/G-2026-000001.pdf"
]

const isProblem = (answer: Answer, status: number, slug: string) => {
  assert.strictEqual(answer.status, status, answer.text)
  assert.strictEqual(answer.headers.get("content-type"), "application/problem+json")
  assert.strictEqual(answer.json.type, `/problems/${slug}`)
  assert.strictEqual(answer.json.status, status)
  assert.isNotEmpty(answer.json.detail)
  assert.strictEqual(answer.json.instance, answer.headers.get("x-request-id"))
  assert.strictEqual(answer.headers.get("cache-control"), "no-store")
}

layer(TestAppLayer.layer, { excludeTestServices: true })(
  "a request that cannot be taken",
  (it) => {
    it.effect("is 400 when its body is not JSON, or not there", () =>
      Effect.gen(function* () {
        const app = yield* TestApp
        for (const path of clientRoutes) {
          for (const body of ["{", "{'a':1}", "", "[1,]", "\u0000"]) {
            const headers = { "content-type": "application/json" }
            const token = app.organizer
            isProblem(
              yield* app.ask(path, { method: "POST", token, body, headers }),
              400,
              "malformed-request"
            )
          }
        }
        isProblem(yield* Webhooks.payment("{"), 400, "malformed-request")
        isProblem(yield* Webhooks.ticket("{"), 400, "malformed-request")
      }))

    it.effect("is 415 when its body is said to be something else", () =>
      Effect.gen(function* () {
        const app = yield* TestApp
        for (const path of clientRoutes) {
          for (const type of ["text/plain", "application/xml", "application/x-www-form-urlencoded"]) {
            const headers = { "content-type": type }
            const answer = yield* app.ask(path, { token: app.organizer, body: "{}", headers })
            isProblem(answer, 415, "unsupported-media-type")
          }
        }
        const typed = { headers: { "content-type": "text/plain" } }
        isProblem(yield* Webhooks.payment(payment, typed), 415, "unsupported-media-type")
        isProblem(yield* Webhooks.ticket(ticket, typed), 415, "unsupported-media-type")
      }))

    it.effect("is 405 with Allow on a known address, with and without its trailing slash", () =>
      Effect.gen(function* () {
        const app = yield* TestApp
        for (const path of [...clientRoutes, ...webhookRoutes]) {
          for (const address of [path, `${path}/`]) {
            for (const method of ["PUT", "PATCH", "DELETE"]) {
              const answer = yield* app.ask(address, { method, token: app.organizer })
              isProblem(answer, 405, "method-not-allowed")
              const allowed = path === "/api/tickets/generation-jobs" ? "GET, POST, HEAD" : "POST"
              assert.strictEqual(answer.headers.get("allow"), allowed)
            }
          }
        }
        for (const path of reads) {
          const answer = yield* app.ask(path, { method: "POST", token: app.organizer, body: {} })
          isProblem(answer, 405, "method-not-allowed")
          assert.strictEqual(answer.headers.get("allow"), "GET, HEAD")
        }
      }))

    it.effect("is 404 on an address that nobody knows, with a token and without", () =>
      Effect.gen(function* () {
        const app = yield* TestApp
        for (const path of ["/nothing", "/api", "/api/nothing", "/api/orchestration", "/api/tickets/1/2"]) {
          isProblem(yield* app.ask(path, { token: app.organizer }), 404, "not-found")
          isProblem(yield* app.ask(path), 404, "not-found")
        }
      }))

    it.effect("is 413 when its body is larger than the route takes", () =>
      Effect.gen(function* () {
        const app = yield* TestApp
        const token = app.organizer
        const large = `"${"x".repeat(1024 * 1024)}"`
        isProblem(
          yield* app.ask("/api/tickets/generation-jobs", { token, body: large }),
          413,
          "body-too-large"
        )
        isProblem(
          yield* app.ask("/api/orchestration/notification-flow/", { token, body: large }),
          413,
          "body-too-large"
        )
        isProblem(yield* Webhooks.payment(large), 413, "body-too-large")
        const larger = `"${"x".repeat(8 * 1024 * 1024)}"`
        isProblem(
          yield* app.ask("/api/orchestration/complete-flow", { token, body: larger }),
          413,
          "body-too-large"
        )
      }))

    it.effect("is 401 without a token that is known, and says how to come back", () =>
      Effect.gen(function* () {
        const app = yield* TestApp
        const strangers = [undefined, "", "nobody", `${app.organizer}x`, "g".repeat(5_000)]
        for (const token of strangers) {
          for (const path of clientRoutes) {
            const answer = yield* app.ask(path, { token, body: bodies[path as keyof typeof bodies] })
            isProblem(answer, 401, "unauthenticated")
            assert.include(answer.headers.get("www-authenticate"), "Bearer")
          }
          for (const path of reads) isProblem(yield* app.ask(path, { token }), 401, "unauthenticated")
        }
        const basic = { headers: { authorization: `Basic ${app.organizer}` } }
        isProblem(yield* app.ask("/api/events/1", basic), 401, "unauthenticated")
      }))

    it.effect("is 403 with an operator's token on every route of organisers", () =>
      Effect.gen(function* () {
        const app = yield* TestApp
        const made = yield* (yield* TokenStore).create({
          role: "operator",
          subject: "operator-123",
          events: [1]
        })
        const token = Redacted.value(made.token)
        const before = yield* rowCounts
        for (const path of clientRoutes) {
          const answer = yield* app.ask(path, { token, body: bodies[path as keyof typeof bodies] })
          isProblem(answer, 403, "forbidden")
        }
        for (const path of reads) isProblem(yield* app.ask(path, { token }), 403, "forbidden")
        const cancel = "/api/orchestration/notification-flow/seq_x/cancel"
        isProblem(yield* app.ask(cancel, { method: "POST", token }), 403, "forbidden")
        assert.deepStrictEqual(yield* rowCounts, before)
      }))

    it.effect("is a problem at its parameter when an id in its address is none", () =>
      Effect.gen(function* () {
        const app = yield* TestApp
        const wrong = {
          "/api/orchestration/flows/job_1": "flow_id",
          "/api/orchestration/flows/flow_%00": "flow_id",
          "/api/orchestration/notification-flow/flow_1": "sequence_id",
          "/api/tickets/generation-jobs/1": "job_id",
          "/api/tickets/one": "ticket_id",
          "/api/tickets/0": "ticket_id",
          "/api/tickets/99999999999999999999.pdf": "ticket_id",
          "/api/events/zero": "event_id",
          "/api/events/-1": "event_id",
          "/api/events/1.5": "event_id",
          "/api/events/zero/scans": "event_id",
          "/api/events/zero/offline-bundle?gate=A": "event_id",
          "/api/payments/pi_1": "payment_id",
          "/api/invoices/..%2Fsecret.pdf": "file"
        }
        for (const [path, parameter] of Object.entries(wrong)) {
          const answer = yield* app.ask(path, { token: app.organizer })
          isProblem(answer, 422, "invalid-request")
          assert.deepStrictEqual(
            answer.json.errors.map(({ in: place, parameter }: Record<string, string>) =>
              `${place} ${parameter}`
            ),
            [`path ${parameter}`]
          )
        }
        const garbled = { token: app.organizer, headers: { "last-event-id": "three" } }
        isProblem(yield* app.ask("/api/orchestration/flows/flow_x/events", garbled), 422, "invalid-request")
      }))
  }
)
