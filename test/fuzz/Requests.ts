/** One request to one route, made of a seed: equal seeds make equal requests. It is proved when it is sent. */
import { Redacted, type Schema } from "effect"
import { secretVariables } from "../../src/trust/ServiceName.ts"
import { serviceSignatureHeader, sign, type SignedRequest } from "../../src/trust/ServiceSignature.ts"
import { stripeHeader, stripeSignatureHeader } from "../../src/trust/StripeHeader.ts"
import {
  signPaymentWebhook,
  signTicketWebhook,
  ticketSignatureHeader
} from "../../src/trust/WebhookSignatures.ts"
import { isBytes, valueOf } from "./Bodies.ts"
import { type Route, routes } from "./Contract.ts"
import { hostileWord, kinds, type Sent } from "./Hostile.ts"
import { logoOf } from "./Logos.ts"
import { Random } from "./Random.ts"
import { type WireWay, wireWays } from "./Wire.ts"

/** A request as it is sent, and the name of its kind; `headers` prove it as of now; it is chunked when its length is not declared. */
export interface FuzzRequest {
  readonly route: Route
  readonly kind: string
  readonly url: string
  readonly bytes: Uint8Array | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly chunked: boolean
  /** How it is sent where it is not sent as HTTP says. */
  readonly way?: WireWay
  /** The same with another body, proved anew. */
  readonly withBytes?: (bytes: Uint8Array) => FuzzRequest
}

const signers: Readonly<Record<string, (secret: Redacted.Redacted, request: SignedRequest) => string>> = {
  [serviceSignatureHeader]: sign,
  [stripeSignatureHeader]: signPaymentWebhook,
  [ticketSignatureHeader]: signTicketWebhook
}

const wordsOf = (schema: Schema.Top | undefined, random: Random): Record<string, string> => {
  const value = schema === undefined ? undefined : valueOf(schema, random, false)
  return Object.fromEntries(
    Object.entries(typeof value === "object" && value !== null ? value : {}).flatMap(([name, word]) =>
      word === undefined || word === null ? [] : [[name, Array.isArray(word) ? word.join(",") : String(word)]]
    )
  )
}

const urlOf = ({ params, path, query }: Route, random: Random): string => {
  const hostile = random.chance(0.15)
  const word = (known: string | undefined) =>
    encodeURIComponent(hostile && random.chance(0.5) || known === undefined ? hostileWord(random) : known)
  const names = wordsOf(params, random)
  const filled = path.replace(/:(\w+)/g, (_, name: string) => word(names[name]) || "0")
  const asked = Object.entries(wordsOf(query, random)).map(([name, value]) => `${name}=${word(value)}`)
  return `${filled}${asked.length === 0 ? "" : `?${asked.join("&")}`}`
}

const bodyless = new Set(["GET", "HEAD", "DELETE"])

const bodyOf = (
  { method, payload }: Route,
  random: Random
): readonly [kind: string, sent: Sent | undefined] => {
  if (bodyless.has(method) || payload === undefined) return ["no body", undefined]
  if (isBytes(payload)) return ["a file", { bytes: logoOf(random) }]
  const kind = random.pick(Object.keys(kinds))
  return [kind, kinds[kind]!(valueOf(payload, random) ?? {}, random)]
}

/** The routes that have a body of which no valid value is known. */
export const withoutSeed = (): ReadonlyArray<string> =>
  routes.filter(({ payload }) =>
    payload !== undefined && !isBytes(payload) && valueOf(payload, new Random(1)) === undefined
  ).map(({ name }) => name)

/** What a client and the services know. */
export interface Credentials {
  readonly token: string
  readonly env: Readonly<Record<string, string>>
}

/** The secret under which this run plays Stripe. */
export const stripeSecret = "whsec_of_the_fuzzer"

/** What proves who sends these bytes. */
const proof = (
  { method, sender }: Route,
  { env, token }: Credentials,
  { body, requestId, url }: { readonly body: Uint8Array; readonly requestId: string; readonly url: string }
): Record<string, string> => {
  switch (sender.kind) {
    case "anybody":
      return {}
    case "token":
      return { authorization: `Bearer ${token}` }
    case "stripe": {
      const second = Math.floor(Date.now() / 1000)
      return { "stripe-signature": stripeHeader(Redacted.make(stripeSecret), second, body) }
    }
    case "service": {
      const timestamp = new Date().toISOString()
      const secret = Redacted.make(env[secretVariables[sender.name]] ?? "")
      const signed = { method, url, service: sender.name, requestId, timestamp, body }
      return {
        "x-service-name": sender.name,
        "x-request-id": requestId,
        "x-timestamp": timestamp,
        [sender.header]: signers[sender.header]!(secret, signed)
      }
    }
  }
}

/** The request of a seed. */
export const requestOf = (seed: number, credentials: Credentials): FuzzRequest => {
  const random = new Random(seed)
  const route = random.pick(routes.filter(({ payload }) => payload !== undefined || random.chance(0.3)))
  const url = urlOf(route, random)
  const [kind, sent] = bodyOf(route, random)
  const headers: Record<string, string> = {
    ...(sent === undefined ? {} : { "content-type": route.contentType }),
    ...(random.chance(0.1) ? { "accept-language": hostileWord(random).replace(/[^ -~]/g, "x") } : {}),
    ...sent?.headers
  }
  const chunked = random.chance(0.2)
  const way = random.chance(0.1) ? random.pick(wireWays) : undefined
  const withBytes = (bytes: Uint8Array | undefined): FuzzRequest => ({
    route,
    kind,
    url,
    bytes,
    chunked,
    ...(way === undefined ? {} : { way }),
    get headers() {
      const asked = { url, body: bytes ?? new Uint8Array(), requestId: `req_fuzz_${seed}` }
      return { ...headers, ...proof(route, credentials, asked) }
    },
    withBytes
  })
  return withBytes(sent?.bytes)
}
