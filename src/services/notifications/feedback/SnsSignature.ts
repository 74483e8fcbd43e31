/**
 * Whether a message comes from Amazon SNS: signed by the key of a certificate that lies at an address of SNS itself
 * (https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html).
 */
import { Clock, Effect, Schema } from "effect"
import { HttpClient } from "effect/http"
import { verify, X509Certificate } from "node:crypto"
import { boundedResponse } from "../../../bounds/BoundedResponse.ts"
import { NotFromProvider, ProviderAway } from "./Feedback.ts"

const text = (longest: number) => Schema.String.check(Schema.isMaxLength(longest))

export const SnsMessage = Schema.Struct({
  Type: Schema.Literals(["Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"]),
  MessageId: text(100),
  TopicArn: text(300),
  Subject: Schema.optionalKey(Schema.NullOr(text(500))),
  Message: Schema.String,
  Timestamp: text(40),
  Token: Schema.optionalKey(text(2_000)),
  SubscribeURL: Schema.optionalKey(text(2_000)),
  SignatureVersion: Schema.Literals(["1", "2"]),
  Signature: text(2_000),
  SigningCertURL: text(500)
})
export type SnsMessage = typeof SnsMessage.Type

/** A host of SNS and no other: who may name the certificate may sign anything. */
const isOfSns = (url: string): boolean => {
  if (!URL.canParse(url)) return false
  const { hostname, password, port, protocol, username } = new URL(url)
  return protocol === "https:" && port === "" && username === "" && password === "" &&
    /^sns\.[a-z0-9-]{3,30}\.amazonaws\.com(\.cn)?$/.test(hostname)
}

/** What is signed: these fields in this order, each name and value on a line. */
const signedText = (message: SnsMessage): string => {
  const fields = message.Type === "Notification"
    ? ["Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"] as const
    : ["Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"] as const
  return fields.flatMap((name) => {
    const value = message[name]
    return value === undefined || value === null ? [] : [`${name}\n${value}\n`]
  }).join("")
}

const isSigned = (message: SnsMessage, certificate: X509Certificate): boolean =>
  verify(
    message.SignatureVersion === "1" ? "RSA-SHA1" : "RSA-SHA256",
    Buffer.from(signedText(message)),
    certificate.publicKey,
    Buffer.from(message.Signature, "base64")
  )

/** So many certificates are kept; SNS has one a region and changes it rarely. */
const kept = 20

/** Reads what lies at an address of SNS, within five seconds. */
const fetched = (client: HttpClient.HttpClient, url: string): Effect.Effect<string, ProviderAway> =>
  Effect.gen(function* () {
    const response = boundedResponse(yield* client.get(url))
    return response.status === 200 ? yield* response.text : yield* new ProviderAway()
  }).pipe(
    Effect.timeout("5 seconds"),
    Effect.mapError(() => new ProviderAway())
  )

const parsed = (pem: string) =>
  Effect.try({ try: () => new X509Certificate(pem), catch: () => new NotFromProvider() })

/** Verifies messages, and follows the address that confirms a subscription. */
export const make = (client: HttpClient.HttpClient) => {
  const certificates = new Map<string, X509Certificate>()

  const certificateAt = Effect.fnUntraced(function* (url: string) {
    const known = certificates.get(url)
    if (known !== undefined) return known
    const certificate = yield* parsed(yield* fetched(client, url))
    if (certificates.size >= kept) certificates.clear()
    certificates.set(url, certificate)
    return certificate
  })

  const verified = Effect.fnUntraced(function* (message: SnsMessage) {
    const { SigningCertURL: url } = message
    if (!isOfSns(url) || !new URL(url).pathname.endsWith(".pem")) return yield* new NotFromProvider()
    const certificate = yield* certificateAt(url)
    const now = yield* Clock.currentTimeMillis
    const isCurrent = now >= Date.parse(certificate.validFrom) && now <= Date.parse(certificate.validTo)
    if (!isCurrent || !isSigned(message, certificate)) return yield* new NotFromProvider()
  })

  const confirm = Effect.fnUntraced(function* ({ SubscribeURL: url }: SnsMessage) {
    if (url === undefined || !isOfSns(url)) return yield* new NotFromProvider()
    yield* fetched(client, url)
  })

  return { verified, confirm }
}
