/**
 * The signatures that the reference page describes are those that the routes believe: each example is signed again, by
 * its own words and by our code, and then sent.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted, Schema } from "effect"
import { OpenApi } from "effect/http-api"
import { TestClock } from "effect/testing"
import { createHash, createHmac } from "node:crypto"
import Stripe from "stripe"
import { PaymentWebhook } from "../../../rpc/payments/PaymentWebhook.ts"
import { Api } from "../../../src/api/Api.ts"
import { TicketFailed } from "../../../rpc/TicketWebhookBodies.ts"
import { signPaymentWebhook, signTicketWebhook } from "../../../src/trust/WebhookSignatures.ts"
import { ServiceSecrets } from "../../../src/trust/ServiceSecrets.ts"
import { allowedSkew, sign, type SignedRequest } from "../../../src/trust/ServiceSignature.ts"
import { PrintDetailsRequest } from "../../../rpc/PrintDetails.ts"
import { ServiceRequestStore } from "../../../src/trust/ServiceRequestStore.ts"
import { makeSend } from "../../trust/ExampleServices.ts"

const spec = OpenApi.fromApi(Api)

/** The example of a tag's description, taken apart. */
const exampleOf = (tag: string) => {
  const text = spec.tags.find(({ name }) => name === tag)?.description ?? ""
  const secret = /under the secret `([^`]+)`/.exec(text)?.[1] ?? ""
  const [head = "", body = ""] = (/```http\n([^]*?)\n```/.exec(text)?.[1] ?? "").split("\n\n")
  const [start = "", ...lines] = head.split("\n")
  const [method = "", url = ""] = start.split(" ")
  const headers: Record<string, string> = Object.fromEntries(
    lines.map((line) => line.split(": ") as [string, string]).map((
      [name, value]
    ) => [name.toLowerCase(), value])
  )
  const request: SignedRequest = {
    method,
    url,
    service: headers["x-service-name"] ?? "",
    requestId: headers["x-request-id"] ?? "",
    timestamp: headers["x-timestamp"] ?? "",
    body: new TextEncoder().encode(body)
  }
  return { text, secret: Redacted.make(secret), body, headers, request }
}

const hmac = (secret: Redacted.Redacted, text: string) =>
  createHmac("sha256", Redacted.value(secret)).update(text).digest("hex")

/** The six lines, as they are told. */
const sixLines = ({ body, method, requestId, service, timestamp, url }: SignedRequest) =>
  [
    method,
    url.replace(/\/$/, ""),
    service,
    requestId,
    timestamp,
    createHash("sha256").update(body).digest("hex")
  ].join("\n")

/** Believed, and only then read: these routes expect another body. */
const believedInTime = [422, 422, 422, 401, 401]

/** What the routes answer at the example's own time, and how far from it they still do. */
const statuses = Effect.fnUntraced(function* ({ headers, request }: ReturnType<typeof exampleOf>) {
  const send = yield* makeSend
  const time = Date.parse(request.timestamp)
  const answers: Array<number> = []
  for (const seconds of [0, allowedSkew, -allowedSkew, allowedSkew + 1, -allowedSkew - 1]) {
    yield* TestClock.setTime(time + seconds * 1000)
    answers.push((yield* send(request, headers)).status)
  }
  return answers
}, (sent, { secret }) => {
  const pair = { current: secret }
  const secrets = ServiceSecrets.make({
    "event-planner-core": pair,
    "payment-service": pair,
    "ticket-generator-service": pair,
    "scan-validation-service": pair,
    "notification-service": pair
  })
  return Effect.provide(
    Effect.scoped(sent),
    Layer.merge(Layer.succeed(ServiceSecrets, secrets), ServiceRequestStore.layerMemory)
  )
})

describe("the described signature", () => {
  it.effect("of payment webhooks", () =>
    Effect.gen(function* () {
      const example = exampleOf("Payment webhooks")
      const { body, headers, request, secret } = example
      const seconds = Date.parse(request.timestamp) / 1000
      const signature = `t=${seconds},v1=${hmac(secret, `${seconds}.${body}`)}`
      assert.strictEqual(headers["stripe-signature"], signature)
      assert.strictEqual(signPaymentWebhook(secret, request), signature)
      yield* Effect.promise(() =>
        new Stripe("sk_test_none").webhooks.constructEventAsync(body, signature, Redacted.value(secret), 1e12)
      )
      assert.deepStrictEqual(yield* statuses(example), believedInTime)
    }))

  it.effect("of ticket webhooks", () =>
    Effect.gen(function* () {
      const example = exampleOf("Ticket webhooks")
      const { headers, request, secret } = example
      assert.strictEqual(headers["x-ticket-service-signature"], `v1=${hmac(secret, sixLines(request))}`)
      assert.strictEqual(signTicketWebhook(secret, request), headers["x-ticket-service-signature"])
      assert.deepStrictEqual(yield* statuses(example), believedInTime)
    }))

  it.effect("of requests between services", () =>
    Effect.gen(function* () {
      const { headers, request, secret } = exampleOf("Internal")
      assert.strictEqual(headers["x-service-signature"], `v1=${hmac(secret, sixLines(request))}`)
      assert.strictEqual(sign(secret, request), headers["x-service-signature"])
    }))

  it("is of a body that its route takes", () => {
    const jsonOf = (tag: string) => JSON.parse(exampleOf(tag).body)
    Schema.decodeUnknownSync(PaymentWebhook)(jsonOf("Payment webhooks"))
    Schema.decodeUnknownSync(TicketFailed)(jsonOf("Ticket webhooks"))
    Schema.decodeUnknownSync(PrintDetailsRequest)(jsonOf("Internal"))
  })

  it("is declared on its routes, with the headers that it needs", () => {
    const routes = {
      "/api/payment-webhook-routes": "Stripe-Signature",
      "/api/ticket-webhook-routes": "X-Ticket-Service-Signature",
      "/api/internal/print-details": "X-Service-Signature",
      "/api/internal/scan-validation": "X-Service-Signature"
    }
    for (const [path, name] of Object.entries(routes)) {
      const { parameters, security } = spec.paths[path]!.post!
      const schemes = security.flatMap((guard) =>
        Object.keys(guard).map((id) => spec.components.securitySchemes[id])
      )
      assert.deepStrictEqual(schemes.map((scheme) => scheme?.type === "apiKey" && [scheme.in, scheme.name]), [
        ["header", name]
      ])
      const headers = parameters.filter((parameter) => parameter.in === "header" && parameter.required)
      assert.deepStrictEqual(headers.map(({ name }) => name), [
        "X-Service-Name",
        "X-Request-ID",
        "X-Timestamp"
      ])
    }
  })
})
