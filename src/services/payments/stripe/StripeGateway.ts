/** Stripe as the gateway: payment intents, refunds, cancellations, each asked once however often we ask. */
import { Clock, Config, Effect, Layer, Option, Redacted } from "effect"
import { createHash } from "node:crypto"
import Stripe from "stripe"
import type { PaymentRequest } from "../contract/PaymentApi.ts"
import {
  disputeStatusOf,
  methodOf,
  paymentKey,
  refundKey,
  refundProgressOf,
  saidOf
} from "./StripeTranslation.ts"
import {
  type KnownFact,
  type NamedRefund,
  type Opened,
  PaymentGateway,
  reportedName
} from "../contract/PaymentGateway.ts"
import { ask, codeOf, editions, isStored, named, toGatewayError } from "./StripeErrors.ts"

/**
 * `paymentMethod` is what `auto_confirm` charges; `host`, `port` and `protocol` are another Stripe's, for
 * tests.
 */
export interface StripeOptions {
  readonly secretKey: Redacted.Redacted
  readonly paymentMethod?: string | undefined
  readonly host?: string | undefined
  readonly port?: number | undefined
  readonly protocol?: "http" | "https" | undefined
}

const statusOf = (intent: Stripe.PaymentIntent) =>
  intent.status.startsWith("requires_") && intent.status !== "requires_capture"
    ? "requires_action"
    : "pending"

const answerOf = (intent: Stripe.PaymentIntent) => ({
  status: statusOf(intent),
  gateway_ref: intent.id,
  ...(statusOf(intent) === "requires_action" && intent.client_secret !== null
    ? { client_secret: intent.client_secret }
    : {})
} as const)

const metadataOf = ({ metadata, payment_id }: PaymentRequest) => ({
  ...Object.fromEntries(Object.entries(metadata).map(([key, value]) => [key, String(value)])),
  [paymentKey]: payment_id
})

const paramsOf = (request: PaymentRequest): Stripe.PaymentIntentCreateParams => ({
  amount: request.amount,
  currency: request.currency.toLowerCase(),
  metadata: metadataOf(request),
  receipt_email: request.customer.email,
  automatic_payment_methods: { enabled: true, allow_redirects: request.auto_confirm ? "never" : "always" }
})

/**
 * What refunds come to by now, and where each stands that failed or that we asked for. The sum is of this moment, so that it
 * knows of every failure; a failure is told as of the refund's own time, which is before.
 */
const refundsOf = (
  charge: Stripe.Charge,
  refunds: ReadonlyArray<Stripe.Refund>,
  price: Pick<KnownFact, "amount" | "currency">,
  now: number
): ReadonlyArray<KnownFact> => {
  const each = refunds.filter(({ metadata, status }) =>
    refundProgressOf(status) === "failed" || metadata?.[refundKey] !== undefined
  ).map((refund): KnownFact => ({
    event: refundProgressOf(refund.status) === "failed" ? "payment.refund_failed" : "payment.refund_updated",
    at: Math.min(refund.created, now - 1),
    ...price,
    facts: { refund: saidOf(refund) }
  }))
  if (charge.amount_refunded === 0 && each.length === 0) return []
  return [...each, {
    event: charge.refunded ? "payment.refunded" : "payment.partially_refunded",
    at: now,
    ...price,
    ...(charge.refunded ? {} : { facts: { amount_refunded: charge.amount_refunded } })
  }]
}

const make = (options: StripeOptions) => {
  const stripe = new Stripe(Redacted.value(options.secretKey), {
    httpClient: Stripe.createFetchHttpClient(),
    maxNetworkRetries: 2,
    timeout: 12_000,
    telemetry: false,
    ...(options.host === undefined ? {} : { host: options.host }),
    ...(options.port === undefined ? {} : { port: options.port }),
    ...(options.protocol === undefined ? {} : { protocol: options.protocol })
  })

  const open = Effect.fn("StripeGateway.open")((request: PaymentRequest, ref: string | null) =>
    (ref === null
      ? named(
        request.payment_id,
        (idempotencyKey) => stripe.paymentIntents.create(paramsOf(request), { idempotencyKey })
      )
      : ask(() => stripe.paymentIntents.retrieve(ref))).pipe(
        Effect.mapBoth({ onFailure: toGatewayError, onSuccess: answerOf })
      )
  )

  const charge = Effect.fn("StripeGateway.charge")((request: PaymentRequest, opened: Opened) => {
    const { paymentMethod } = options
    if (!request.auto_confirm || paymentMethod === undefined || opened.status !== "requires_action") {
      return Effect.succeed(opened)
    }
    return named(
      `confirm_${request.payment_id}`,
      (idempotencyKey) =>
        stripe.paymentIntents.confirm(opened.gateway_ref, { payment_method: paymentMethod }, {
          idempotencyKey
        })
    )
      .pipe(Effect.mapBoth({ onFailure: toGatewayError, onSuccess: answerOf }))
  })

  /** Whether a refund of ours is there already, by the name that it bears. */
  const isThere = (ref: string, name: string) =>
    Effect.map(
      ask(() => stripe.refunds.list({ payment_intent: ref, limit: 100 })),
      ({ data }) => data.some(({ metadata }) => metadata?.[refundKey] === name)
    )

  /**
   * Under the next key only once a failure is kept under this one, and where no refund of that name came of it: a refund
   * that bears a name is looked for, any other is asked for under one key.
   */
  const refundOnce = (
    ref: string,
    paymentId: string,
    refund: NamedRefund,
    edition = 1
  ): Effect.Effect<void, unknown> => {
    const { amount, reason, refund_id } = refund
    const name = reportedName(refund)
    const key = createHash("sha256").update(`${paymentId} ${refund_id}`).digest("hex").slice(0, 32)
    return ask(() =>
      stripe.refunds.create({
        payment_intent: ref,
        metadata: { [paymentKey]: paymentId, ...(name === undefined ? {} : { [refundKey]: name }), reason },
        ...(amount === undefined ? {} : { amount })
      }, { idempotencyKey: `refund_${key}${edition === 1 ? "" : `.${edition}`}` })
    ).pipe(
      Effect.asVoid,
      Effect.catchIf(
        (error) => name !== undefined && edition < editions && isStored(error),
        () =>
          Effect.flatMap(
            isThere(ref, name!),
            (there) => there ? Effect.void : refundOnce(ref, paymentId, refund, edition + 1)
          )
      )
    )
  }

  const refund = Effect.fn("StripeGateway.refund")((ref: string, paymentId: string, refund: NamedRefund) => {
    const name = reportedName(refund)
    const there = refund.again === true && name !== undefined ? isThere(ref, name) : Effect.succeed(false)
    return Effect.flatMap(there, (there) => there ? Effect.void : refundOnce(ref, paymentId, refund)).pipe(
      Effect.catchIf(
        (error) => name === undefined && codeOf(error) === "charge_already_refunded",
        () => Effect.void
      ),
      Effect.mapError(toGatewayError)
    )
  })

  const cancel = Effect.fn("StripeGateway.cancel")((ref: string, paymentId: string) =>
    ask(() => stripe.paymentIntents.cancel(ref, {}, { idempotencyKey: `cancel_${paymentId}` })).pipe(
      Effect.catchIf(
        (error) => error instanceof Stripe.errors.StripeError && error.payment_intent?.status === "canceled",
        () => Effect.void
      ),
      Effect.mapBoth({ onFailure: toGatewayError, onSuccess: () => undefined })
    )
  )

  /** A dispute is looked up where the charge says that there is one. */
  const disputesOf = (ref: string, charge: Stripe.Charge) =>
    charge.disputed
      ? Effect.map(ask(() => stripe.disputes.list({ payment_intent: ref, limit: 10 })), ({ data }) => data)
      : Effect.succeed([])

  /** The charge lists ten of its refunds; a payment has hardly more. */
  const allRefunds = (ref: string, { refunds }: Stripe.Charge) =>
    refunds?.has_more === true
      ? Effect.map(ask(() => stripe.refunds.list({ payment_intent: ref, limit: 100 })), ({ data }) => data)
      : Effect.succeed(refunds?.data ?? [])

  const known = Effect.fn("StripeGateway.known")(
    function* (ref: string, { amount, currency }: PaymentRequest) {
      // What Stripe says is of this moment or of a later one: what a webhook tells of since is newer.
      const now = Math.floor((yield* Clock.currentTimeMillis) / 1000)
      const intent = yield* ask(() =>
        stripe.paymentIntents.retrieve(ref, { expand: ["latest_charge.refunds"] })
      )
      const price = { amount: intent.amount, currency: intent.currency.toUpperCase() }
      const charge = typeof intent.latest_charge === "object" ? intent.latest_charge : null
      if (intent.status === "canceled") {
        return [{ event: "payment.canceled" as const, at: intent.canceled_at ?? intent.created, ...price }]
      }
      if (intent.status !== "succeeded") return []
      const at = charge?.created ?? intent.created
      const completed: KnownFact = {
        event: "payment.completed",
        at,
        ...price,
        ...(intent.amount_received === intent.amount
          ? {}
          : { facts: { amount_received: intent.amount_received } })
      }
      if (charge === null) return [completed]
      const refunds = refundsOf(charge, yield* allRefunds(ref, charge), price, now)
      const disputes = (yield* disputesOf(ref, charge)).map((dispute): KnownFact => ({
        event: "payment.disputed",
        at: dispute.created,
        amount,
        currency,
        facts: {
          dispute: { id: dispute.id, amount: dispute.amount, status: disputeStatusOf(dispute.status) }
        }
      }))
      return [completed, ...refunds, ...disputes]
    },
    Effect.mapError(toGatewayError)
  )

  const method = Effect.fn("StripeGateway.method")((ref: string) =>
    ask(() => stripe.paymentIntents.retrieve(ref, { expand: ["latest_charge"] })).pipe(
      Effect.mapError(toGatewayError),
      Effect.map(({ latest_charge: charge, payment_method_types: [type = "card"] }) =>
        typeof charge === "object" && charge?.payment_method_details
          ? methodOf({
            type: charge.payment_method_details.type,
            card: cardOf(charge.payment_method_details.card)
          })
          : { type }
      )
    )
  )

  return PaymentGateway.of({ name: "stripe", open, charge, refund, cancel, known, method })
}

const cardOf = (card: { readonly brand: string | null; readonly last4: string | null } | undefined) =>
  card === undefined ? null : { brand: card.brand, last4: card.last4 }

/**
 * In test mode a missing `STRIPE_PAYMENT_METHOD` is Stripe's test card; live, the customer confirms by
 * themselves.
 */
const configured = Config.all({
  secretKey: Config.Redacted("STRIPE_SECRET_KEY"),
  paymentMethod: Config.option(Config.NonEmptyString("STRIPE_PAYMENT_METHOD"))
})

const isTestKey = (key: Redacted.Redacted) => /^(sk|rk)_test_/.test(Redacted.value(key))

/** The gateway over the real API, or over the one that `options` names. */
export const StripeGateway = {
  layerWith: (options: StripeOptions): Layer.Layer<PaymentGateway> =>
    Layer.sync(PaymentGateway, () => make(options)),

  layer: Layer.effect(
    PaymentGateway,
    Effect.map(configured, ({ paymentMethod, secretKey }) =>
      make({
        secretKey,
        paymentMethod: Option.getOrUndefined(paymentMethod) ??
          (isTestKey(secretKey) ? "pm_card_visa" : undefined)
      }))
  ) satisfies Layer.Layer<PaymentGateway, Config.ConfigError>
}
