/** The secret that Stripe signs its webhooks under, and the check of a signature over the raw body. */
import { Config, Context, Effect, Layer, Option, Redacted, Schema } from "effect"
import { randomBytes } from "node:crypto"
import Stripe from "stripe"
import { StripeEvent } from "./StripeEvent.ts"

const tolerance = 300

/** The signature, its time or the body is not what Stripe sends; which of them is not said. */
export class NotFromStripe extends Schema.TaggedError<NotFromStripe>()("NotFromStripe", {}) {}

const decodeEvent = Schema.decodeUnknownEffect(Schema.fromJsonString(StripeEvent))

/** Stripe's own check lets timestamps of the future in. */
const isFresh = (header: string, now: number): boolean => {
  const stamp = /(?:^|,)\s*t=(\d{1,12})(?:,|$)/.exec(header)?.[1]
  return stamp !== undefined && Math.abs(Number(stamp) - now / 1000) <= tolerance
}

const isSigned = (raw: Uint8Array, header: string, secret: Redacted.Redacted, now: number) =>
  Effect.tryPromise({
    try: () =>
      Stripe.webhooks.signature!.verifyHeaderAsync(
        raw,
        header,
        Redacted.value(secret),
        tolerance,
        Stripe.createSubtleCryptoProvider(),
        now
      ),
    catch: () => new NotFromStripe()
  }).pipe(Effect.orElseSucceed(() => false))

/** `verify` gives the event of a signed body; `sign` is for the sandbox and for tests, which play Stripe. */
export class StripeSignature extends Context.Service<StripeSignature, {
  readonly verify: (raw: Uint8Array, header: string) => Effect.Effect<StripeEvent, NotFromStripe>
  readonly sign: (payload: string) => Effect.Effect<string>
}>()("guichet/services/payments/stripe/StripeSignature") {
  /** Several secrets may be live while one is replaced; the first one signs. */
  static readonly make = (
    secrets: readonly [Redacted.Redacted, ...ReadonlyArray<Redacted.Redacted>]
  ): StripeSignature["Service"] => {
    const verify = Effect.fn("StripeSignature.verify")(function* (raw: Uint8Array, header: string) {
      const now = yield* Effect.clockWith((clock) => clock.currentTimeMillis)
      const signed = yield* Effect.forEach(secrets, (secret) => isSigned(raw, header, secret, now))
      if (!signed.includes(true) || !isFresh(header, now)) return yield* new NotFromStripe()
      return yield* Effect.mapError(decodeEvent(new TextDecoder().decode(raw)), () => new NotFromStripe())
    })
    const sign = (payload: string) =>
      Effect.clockWith((clock) =>
        Effect.promise(() =>
          Stripe.webhooks.generateTestHeaderStringAsync({
            payload,
            secret: Redacted.value(secrets[0]),
            timestamp: Math.floor(clock.currentTimeMillisUnsafe() / 1000),
            cryptoProvider: Stripe.createSubtleCryptoProvider()
          })
        )
      )
    return StripeSignature.of({ verify, sign })
  }

  /**
   * `STRIPE_WEBHOOK_SECRET`, several separated by commas; without it, for the sandbox, a secret of this
   * process.
   */
  static readonly layer: Layer.Layer<StripeSignature, Config.ConfigError> = Layer.effect(
    StripeSignature,
    Effect.gen(function* () {
      const key = yield* Config.option(Config.Redacted("STRIPE_SECRET_KEY"))
      const given = Option.isSome(key)
        ? yield* Config.Redacted("STRIPE_WEBHOOK_SECRET")
        : yield* Config.withDefault(
          Config.Redacted("STRIPE_WEBHOOK_SECRET"),
          Redacted.make(`whsec_${randomBytes(24).toString("base64url")}`)
        )
      const [first = "", ...others] = Redacted.value(given).split(",").map((secret) => secret.trim())
      return StripeSignature.make([Redacted.make(first), ...others.map((secret) => Redacted.make(secret))])
    })
  )
}
