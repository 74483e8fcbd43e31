/** The secret that Stripe signs its webhooks under, and the check of a signature over the raw body. */
import { Config, Context, Effect, Layer, Option, Redacted, Schema } from "effect"
import { ServiceSecrets } from "../../../trust/ServiceSecrets.ts"
import { signedSecond, stripeHeader } from "../../../trust/StripeHeader.ts"

/** The signature, its time or the body is not what Stripe sends; which of them is not said. */
export class NotFromStripe extends Schema.TaggedError<NotFromStripe>()("NotFromStripe", {}) {}

const webhookSecret = Config.Redacted("STRIPE_WEBHOOK_SECRET")

const separate = (secrets: Redacted.Redacted) => {
  const [first = "", ...others] = Redacted.value(secrets).split(",").map((secret) => secret.trim())
  return [Redacted.make(first), ...others.map((secret) => Redacted.make(secret))] as const
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** `verify` gives the JSON of a signed body; `sign` is for the sandbox and for tests, which play Stripe. */
export class StripeSignature extends Context.Service<StripeSignature, {
  readonly verify: (raw: Uint8Array, header: string) => Effect.Effect<unknown, NotFromStripe>
  readonly sign: (payload: string) => Effect.Effect<string>
}>()("guichet/services/payments/stripe/StripeSignature") {
  /** Several secrets may be live while one is replaced; the first one signs. */
  static readonly make = (
    secrets: readonly [Redacted.Redacted, ...ReadonlyArray<Redacted.Redacted>]
  ): StripeSignature["Service"] => {
    const verify = Effect.fn("StripeSignature.verify")(function* (raw: Uint8Array, header: string) {
      const now = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
      if (signedSecond(header, raw, secrets, now) === undefined) return yield* new NotFromStripe()
      return yield* Effect.try({
        try: (): unknown => JSON.parse(utf8.decode(raw)),
        catch: () => new NotFromStripe()
      })
    })
    const sign = (payload: string) =>
      Effect.clockWith((clock) =>
        Effect.sync(() =>
          stripeHeader(
            secrets[0],
            Math.floor(clock.currentTimeMillisUnsafe() / 1000),
            new TextEncoder().encode(payload)
          )
        )
      )
    return StripeSignature.of({ verify, sign })
  }

  /** `STRIPE_WEBHOOK_SECRET`, several separated by commas. */
  static readonly layer: Layer.Layer<StripeSignature, Config.ConfigError> = Layer.effect(
    StripeSignature,
    Effect.map(webhookSecret, (given) => StripeSignature.make(separate(given)))
  )

  /** The same, or without it a secret for the sandbox, which every process derives from the payment service's own. */
  static readonly layerSandbox: Layer.Layer<StripeSignature, Config.ConfigError, ServiceSecrets> = Layer
    .effect(
      StripeSignature,
      Effect.gen(function* () {
        const given = yield* Config.option(webhookSecret)
        if (Option.isSome(given)) return StripeSignature.make(separate(given.value))
        const { accepted, signing } = (yield* ServiceSecrets).derived("payment-service", "sandbox-webhook.v1")
        return StripeSignature.make([signing, ...accepted])
      })
    )
}
