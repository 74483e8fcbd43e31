/** What is served beside the flows: the contract, its reference page, keys, metrics and health. */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { run } from "../support/FlowClient.ts"
import * as FlowClient from "../support/FlowClient.ts"
import * as TestAppLayer from "../support/TestApp.ts"
import { TestApp } from "../support/TestApp.ts"

/** The POST routes, those of the flows document first among them, and how each is guarded. */
const documented = {
  "/api/tickets/generation-jobs": "bearer",
  "/api/payment-webhook-routes": undefined,
  "/api/scans/validate": "bearer",
  "/api/scans/{scan_id}/annul": "bearer",
  "/api/scans/batch": "bearer",
  "/api/internal/scan-validation": undefined,
  "/api/ticket-webhook-routes": undefined,
  "/api/orchestration/notification-flow": "bearer",
  "/api/orchestration/complete-flow": "bearer"
} as const

const resources = [
  "/api/events",
  "/api/orchestration/flows",
  "/api/orchestration/flows/{flow_id}",
  "/api/orchestration/flows/{flow_id}/events",
  "/api/orchestration/flows/{flow_id}/messages",
  "/api/orchestration/notification-flow/{sequence_id}",
  "/api/tickets/generation-jobs/{job_id}",
  "/api/tickets/generation-jobs/{job_id}/events",
  "/api/tickets/{ticket_id}",
  "/api/events/{event_id}",
  "/api/events/{event_id}/scans",
  "/api/events/{event_id}/offline-bundle",
  "/api/payments/{payment_id}",
  "/api/invoices/{file}"
]

interface Operation {
  readonly security?: ReadonlyArray<Record<string, unknown>>
  readonly summary?: string
  readonly requestBody?: { readonly content: Record<string, unknown> }
  readonly responses: Record<string, { readonly content?: Record<string, unknown> }>
}

layer(TestAppLayer.layer, { excludeTestServices: true })("the core serves", (it) => {
  it.effect("an OpenAPI document with every documented route, its guard, body and failures", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      const { headers, json, status } = yield* app.ask("/openapi.json")
      assert.strictEqual(status, 200)
      assert.include(headers.get("content-type"), "application/json")
      assert.match(json.openapi, /^3\.1\./)
      assert.strictEqual(json.components.securitySchemes.bearer.scheme.toLowerCase(), "bearer")
      for (const [path, guard] of Object.entries(documented)) {
        const operation = json.paths[path]?.post as Operation | undefined
        assert.isDefined(operation, path)
        const schemes = (operation!.security ?? []).flatMap((entry) => Object.keys(entry))
        if (guard !== undefined) assert.include(schemes, guard, path)
        assert.isNotEmpty(operation!.summary)
        assert.deepStrictEqual(Object.keys(operation!.requestBody!.content), ["application/json"])
        for (const code of ["400", "422", "401"]) {
          const content = operation!.responses[code]?.content ?? {}
          assert.deepStrictEqual(Object.keys(content), ["application/problem+json"], `${path} ${code}`)
        }
      }
      for (const path of resources) assert.isDefined(json.paths[path]?.get, path)
      assert.isDefined(json.paths["/api/orchestration/notification-flow/{sequence_id}/cancel"].post)
    }))

  it.effect("a document whose references all lead somewhere", () =>
    Effect.gen(function* () {
      const { json, text } = yield* (yield* TestApp).ask("/openapi.json")
      assert.strictEqual(json.components.securitySchemes.bearer.scheme, "bearer")
      const names = [...text.matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map(([, name]) => name!)
      for (const name of new Set(names)) {
        assert.isDefined(json.components.schemas[decodeURIComponent(name).replaceAll("~1", "/")], name)
      }
      const ids = [...text.matchAll(/"operationId":"([^"]+)"/g)].map(([, id]) => id!)
      assert.strictEqual(new Set(ids).size, ids.length)
    }))

  it.effect("a reference page", () =>
    Effect.gen(function* () {
      const { headers, status, text } = yield* (yield* TestApp).ask("/docs")
      assert.strictEqual(status, 200)
      assert.include(headers.get("content-type"), "text/html")
      assert.include(text, "<html")
      assert.include(text, "complete-flow")
      assert.include(text, "X-Ticket-Service-Signature")
    }))

  it.effect("the public keys that verify tickets, and no private part of them", () =>
    Effect.gen(function* () {
      const { headers, json, status } = yield* (yield* TestApp).ask("/.well-known/guichet-keys.json")
      assert.strictEqual(status, 200)
      assert.include(headers.get("content-type"), "application/json")
      assert.isNotEmpty(json.keys)
      for (const key of json.keys) {
        assert.strictEqual(key.kty, "OKP")
        assert.strictEqual(key.crv, "Ed25519")
        assert.isNotEmpty(key.kid)
        assert.isNotEmpty(key.x)
        assert.notProperty(key, "d")
      }
    }))

  it.effect("metrics and health, of which nobody learns a name", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      yield* run(FlowClient.bodyFor(1, { guests: FlowClient.guestsNamed("Canary Bird") }))
      const metrics = yield* app.ask("/metrics")
      assert.strictEqual(metrics.status, 200)
      assert.match(metrics.text, /^# TYPE \w+ \w+$/m)
      assert.notInclude(metrics.text, "Canary")
      for (const path of ["/health/live", "/health/ready"]) {
        assert.strictEqual((yield* app.ask(path)).status, 200, path)
      }
    }))
})
