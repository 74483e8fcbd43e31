/**
 * Whether a message comes from Amazon SNS: signed by the key of a certificate that lies at an address of SNS itself
 * (https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html).
 */
import { Cache, Clock, Duration, Effect, Exit, Schema, Semaphore } from "effect"
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

/** A host of SNS and no other. */
const isOfSns = (url: string): boolean => {
  if (!URL.canParse(url)) return false
  const { hostname, password, port, protocol, username } = new URL(url)
  return protocol === "https:" && port === "" && username === "" && password === "" &&
    /^sns\.[a-z0-9-]{3,30}\.amazonaws\.com(\.cn)?$/.test(hostname)
}

/**
 * A certificate of SNS, in the one way it is written: who may name the certificate may sign anything, and who may spell
 * an address in many ways has it asked for as often.
 */
const isCertificateOfSns = (url: string): boolean =>
  isOfSns(url) &&
  /^https:\/\/[a-z0-9.-]+\/SimpleNotificationService-[0-9a-f]{1,64}\.pem$/.test(url)

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

/** Requests to SNS at once: whoever forges messages names many certificates. */
const mostAtOnce = 4

/** SNS sends a message again for an hour at most, which nobody can change; an older one was kept by somebody. */
const longest = Duration.hours(1)

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

const isLate = ({ Timestamp }: SnsMessage, now: number): boolean =>
  !(Math.abs(now - Date.parse(Timestamp)) <= Duration.toMillis(longest))

/** Verifies messages, and follows the address that confirms a subscription. */
export const make = Effect.fnUntraced(function* (client: HttpClient.HttpClient) {
  const requests = yield* Semaphore.make(mostAtOnce)

  /** What would be one too many is not waited for: SNS sends its message again. */
  const asked = (url: string) =>
    Effect.flatMap(
      requests.withPermitsIfAvailable(1)(fetched(client, url)),
      (answer) => Effect.mapError(Effect.fromOption(answer), () => new ProviderAway())
    )

  const certificates = yield* Cache.makeWith(
    (url: string) => Effect.flatMap(asked(url), parsed),
    { capacity: kept, timeToLive: (exit) => Exit.isSuccess(exit) ? Duration.infinity : Duration.zero }
  )

  const verified = Effect.fnUntraced(function* (message: SnsMessage) {
    const now = yield* Clock.currentTimeMillis
    if (!isCertificateOfSns(message.SigningCertURL) || isLate(message, now)) {
      return yield* new NotFromProvider()
    }
    const certificate = yield* Cache.get(certificates, message.SigningCertURL)
    const isCurrent = now >= Date.parse(certificate.validFrom) && now <= Date.parse(certificate.validTo)
    if (!isCurrent || !isSigned(message, certificate)) return yield* new NotFromProvider()
  })

  const confirm = Effect.fnUntraced(function* ({ SubscribeURL: url }: SnsMessage) {
    if (url === undefined || !isOfSns(url)) return yield* new NotFromProvider()
    yield* asked(url)
  })

  return { verified, confirm }
})
