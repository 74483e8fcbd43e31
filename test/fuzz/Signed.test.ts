/**
 * Every signed route of the core and its services, found in the contracts by its middleware, against requests that are
 * signed almost right: a new route is attacked by itself.
 * Guards whose removal turns this red: each part of the signed text, the time, the form of headers, the memory of what
 * was accepted, `AllowedServices`, the one refusal for everything.
 */
import { assert, layer } from "@effect/vitest"
import { Context, Effect } from "effect"
import { HttpApi, type HttpApiGroup } from "effect/http-api"
import { createHmac, randomUUID } from "node:crypto"
import { Api } from "../../src/api/Api.ts"
import { TicketApi } from "../../src/services/generator/TicketApi.ts"
import { NotificationApi } from "../../src/services/notifications/NotificationApi.ts"
import { PaymentApi } from "../../src/services/payments/contract/PaymentApi.ts"
import { SandboxApi } from "../../src/services/payments/sandbox/SandboxApi.ts"
import { ScanApi } from "../../src/services/scans/ScanApi.ts"
import { AllowedServices } from "../../src/trust/CallingService.ts"
import { Loopback } from "../../src/trust/Loopback.ts"
import { ServiceAuth } from "../../src/trust/ServiceAuth.ts"
import { ServiceName, type ServiceTargetName } from "../../src/trust/ServiceName.ts"
import { ServiceSecrets } from "../../src/trust/ServiceSecrets.ts"
import { serviceSignatureHeader, sign, type SignedRequest } from "../../src/trust/ServiceSignature.ts"
import { stripeSignatureHeader } from "../../src/trust/StripeHeader.ts"
import {
  PaymentWebhookAuth,
  signPaymentWebhook,
  signTicketWebhook,
  ticketSignatureHeader,
  TicketWebhookAuth
} from "../../src/trust/WebhookSignatures.ts"
import * as TestAppLayer from "../support/TestApp.ts"

/** How a route is signed: its header, and what makes it. */
const schemes = {
  [ServiceAuth.key]: { header: serviceSignatureHeader, sign, isReplayed: false },
  [PaymentWebhookAuth.key]: { header: stripeSignatureHeader, sign: signPaymentWebhook, isReplayed: true },
  [TicketWebhookAuth.key]: { header: ticketSignatureHeader, sign: signTicketWebhook, isReplayed: true }
} as const

interface Route {
  readonly target: ServiceTargetName
  readonly method: string
  readonly path: string
  readonly scheme: typeof schemes[string]
  readonly allowed: ReadonlyArray<ServiceName>
}

/** The senders of the two webhooks, which their middleware names itself. */
const webhookSenders: Readonly<Record<string, ReadonlyArray<ServiceName>>> = {
  [PaymentWebhookAuth.key]: ["payment-service"],
  [TicketWebhookAuth.key]: ["ticket-generator-service"]
}

const routesOf = <Id extends string, Groups extends HttpApiGroup.Constraint>(
  target: ServiceTargetName,
  api: HttpApi.HttpApi<Id, Groups>
): ReadonlyArray<Route> => {
  const routes: Array<Route> = []
  HttpApi.reflect(api, {
    onGroup: () => undefined,
    onEndpoint: ({ endpoint, mergedAnnotations, middleware }) => {
      for (const { key } of middleware) {
        const scheme = schemes[key]
        if (scheme === undefined) continue
        const allowed = webhookSenders[key] ??
          (Context.getOrUndefined(mergedAnnotations, AllowedServices) ?? [])
        const path = endpoint.path.replace(/:\w+/g, "1")
        routes.push({ target, method: endpoint.method, path, scheme, allowed })
      }
    }
  })
  return routes
}

const routes = [
  ...routesOf("core", Api),
  ...routesOf("tickets", TicketApi),
  ...routesOf("notifications", NotificationApi),
  ...routesOf("payments", PaymentApi),
  ...routesOf("payments", SandboxApi),
  ...routesOf("scans", ScanApi)
]

const encoder = new TextEncoder()

/** What is signed, and what is sent in its place where a test changes something after that. */
interface Sent {
  readonly parts: SignedRequest
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: Uint8Array<ArrayBuffer>
  readonly url: string
}

/** A problem's body without the name of its own request. */
const withoutInstance = (text: string): string => {
  const { instance: _, ...problem } = JSON.parse(text)
  return JSON.stringify(problem)
}

const hex = "0123456789abcdef"

/** Another hex digit in one place. */
const otherDigit = (signature: string, at: number): string => {
  const place = signature.length - 1 - at
  return signature.slice(0, place) + hex[(hex.indexOf(signature[place]!) + 1) % 16] +
    signature.slice(place + 1)
}

layer(TestAppLayer.layer, { excludeTestServices: true, timeout: "5 minutes" })("a signed route", (it) => {
  const make = Effect.gen(function* () {
    const secrets = yield* ServiceSecrets
    const loopback = yield* Loopback

    const good = (
      { allowed: [service], method, path, scheme }: Route,
      over: Partial<SignedRequest> = {}
    ): Sent => {
      const parts: SignedRequest = {
        method,
        url: path,
        service: service!,
        requestId: `req_${randomUUID()}`,
        timestamp: new Date().toISOString(),
        body: encoder.encode(method === "GET" ? "" : `{"no":"${randomUUID()}"}`),
        ...over
      }
      return {
        parts,
        url: path,
        body: new Uint8Array(parts.body),
        headers: {
          "content-type": "application/json",
          "x-service-name": parts.service,
          "x-request-id": parts.requestId,
          "x-timestamp": parts.timestamp,
          [scheme.header]: scheme.sign(secrets.signing(parts.service as ServiceName), parts)
        }
      }
    }

    const send = (route: Route, { body, headers, url }: Sent) =>
      Effect.promise(async () => {
        const given = Object.entries(headers).filter((entry): entry is [string, string] =>
          entry[1] !== undefined
        )
        const response = await loopback.find(route.target)!(
          new Request(`http://localhost${url}`, {
            method: route.method,
            headers: given,
            ...(route.method === "GET" ? {} : { body })
          })
        )
        return { status: response.status, text: await response.text() }
      })

    /** Requests that are signed almost right; none may be believed. */
    const attacks = (route: Route): ReadonlyArray<readonly [name: string, sent: Sent]> => {
      const { header } = route.scheme
      const sent = good(route)
      const signature = sent.headers[header]!
      const withHeader = (name: string, value: string | undefined, from = good(route)): Sent => ({
        ...from,
        headers: { ...from.headers, [name]: value }
      })
      const replaced = (change: (signature: string) => string): Sent => {
        const from = good(route)
        return withHeader(header, change(from.headers[header]!), from)
      }
      const named = ["x-service-name", "x-timestamp", header]
      const at = (offset: number) => new Date(Date.now() + offset * 1000).toISOString()
      const foreign = (over: Partial<SignedRequest>): Sent => {
        const from = good(route)
        const parts = { ...from.parts, ...over }
        return withHeader(
          header,
          route.scheme.sign(secrets.signing(from.parts.service as ServiceName), parts),
          from
        )
      }
      const isPayment = header === stripeSignatureHeader
      return [
        ...named.flatMap((name) =>
          [[`no ${name}`, withHeader(name, undefined)], [`empty ${name}`, withHeader(name, "")]] as const
        ),
        ...["x-service-name", "x-timestamp"].map((name) => {
          const from = good(route)
          return [
            `${name} twice`,
            withHeader(name, `${from.headers[name]}, ${from.headers[name]}`, from)
          ] as const
        }),
        ["the service in capitals", withHeader("x-service-name", sent.parts.service.toUpperCase())],
        [
          "another service's name",
          withHeader("x-service-name", ServiceName.literals.find((name) => !route.allowed.includes(name))!)
        ],
        ["nobody's name", withHeader("x-service-name", "nobody")],
        ["an inherited name", withHeader("x-service-name", "constructor")],
        ...[-4000, -330, 330, 4000].map((offset) =>
          [`${offset} s away`, good(route, { timestamp: at(offset) })] as const
        ),
        ["a time of another form", good(route, { timestamp: new Date().toUTCString() })],
        ["another time", withHeader("x-timestamp", at(2))],
        ["another body's", foreign({ body: encoder.encode("{}") })],
        ["another second's", foreign({ timestamp: at(-5) })],
        ...(isPayment ? [] : [
          ["another route's", foreign({ url: "/api/elsewhere" })],
          ["another method's", foreign({ method: "PUT" })],
          ["another service's", foreign({ service: "notification-service" })],
          ["another id's", foreign({ requestId: "req_other" })],
          ["a query after it", { ...good(route), url: `${route.path}?a=1` }],
          ["another request id", withHeader("x-request-id", "req_other")]
        ] as const),
        [
          "the secrets of another",
          (() => {
            const from = good(route)
            const other = ServiceName.literals.find((name) => name !== from.parts.service)!
            return withHeader(header, route.scheme.sign(secrets.signing(other), from.parts), from)
          })()
        ],
        [
          "a derived key's",
          (() => {
            const from = good(route)
            const { signing } = secrets.derived(from.parts.service as ServiceName, "file-link.v2")
            return withHeader(header, route.scheme.sign(signing, from.parts), from)
          })()
        ],
        [
          "an empty secret's",
          (() => {
            const from = good(route)
            return withHeader(header, `v1=${createHmac("sha256", "").update("").digest("hex")}`, from)
          })()
        ],
        ["another request's", withHeader(header, signature)],
        ...[1, 8, 63].map((cut) => [`${cut} digits less`, replaced((one) => one.slice(0, -cut))] as const),
        ...[0, 1, 31, 63].map((place) =>
          [`digit ${place} changed`, replaced((one) => otherDigit(one, place))] as const
        ),
        ["one digit more", replaced((one) => `${one}0`)],
        ["v0", replaced((one) => one.replace("v1=", "v0="))],
        ["V1", replaced((one) => one.replace("v1=", "V1="))],
        ["no scheme", replaced((one) => one.replace("v1=", ""))],
        [
          "digits in capitals",
          replaced((one) => one.replace(/v1=.*/, (digits) => `v1=${digits.slice(3).toUpperCase()}A`))
        ],
        ...(isPayment ?
          [
            ["two times", replaced((one) => one.replace(",", `,t=${Math.floor(Date.now() / 1000)},`))],
            ["a later time after it", replaced((one) => `${one},t=${Math.floor(Date.now() / 1000) + 4000}`)],
            ["a time that is none", replaced((one) => one.replace(/t=\d+/, "t=0x1"))],
            ["folded", replaced((one) => `${one}, ${one}`)]
          ] as const :
          []),
        ...(route.method === "GET" ? [] : [
          [
            "a byte order mark before it",
            (() => {
              const from = good(route)
              return { ...from, body: new Uint8Array([0xef, 0xbb, 0xbf, ...from.body]) }
            })()
          ],
          [
            "one byte changed",
            (() => {
              const from = good(route)
              const body = Uint8Array.from(from.body)
              body[body.length - 3]! ^= 1
              return { ...from, body }
            })()
          ],
          [
            "a space after it",
            (() => {
              const from = good(route)
              return { ...from, body: new Uint8Array([...from.body, 0x20]) }
            })()
          ],
          ["no body", { ...good(route), body: new Uint8Array() }]
        ] as const)
      ]
    }
    return { good, send, attacks }
  })

  it.effect("is found by its middleware: the webhooks, the service routes, the sandbox", () =>
    Effect.sync(() => {
      const paths = routes.map(({ path }) => path)
      assert.isAtLeast(routes.length, 12)
      for (
        const path of ["/api/payment-webhook-routes", "/api/sandbox/payments/1/confirm", "/api/payments"]
      ) {
        assert.include(paths, path)
      }
      for (const { allowed, path } of routes) assert.isNotEmpty(allowed, path)
    }))

  for (const route of routes) {
    it.effect(`believes what is signed for it and nothing else: ${route.target} ${route.method} ${route.path}`, () =>
      Effect.gen(function* () {
        const { attacks, good, send } = yield* make
        const one = good(route)
        const first = yield* send(route, one)
        assert.notInclude([401, 403, 500, 503], first.status, first.text)
        const again = yield* send(route, one)
        if (route.scheme.isReplayed) assert.strictEqual(again.status, first.status)
        else assert.strictEqual(again.status, 401)
        for (const service of ServiceName.literals.filter((name) => !route.allowed.includes(name))) {
          const { status } = yield* send(route, good(route, { service }))
          assert.strictEqual(status, route.scheme.isReplayed ? 401 : 403, service)
        }
        const told = new Set<string>()
        for (const [name, sent] of attacks(route)) {
          const { status, text } = yield* send(route, sent)
          assert.strictEqual(status, 401, `${name}: ${text}`)
          told.add(withoutInstance(text))
        }
        assert.lengthOf([...told], 1)
      }))
  }
})
