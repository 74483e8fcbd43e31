/** What a failure of Stripe's means, and how one that Stripe keeps is asked past. */
import { Effect } from "effect"
import Stripe from "stripe"
import { GatewayError } from "../contract/PaymentGateway.ts"

export const codeOf = (error: unknown) => error instanceof Stripe.errors.StripeError ? error.code : undefined

const reasonOf = (error: unknown): GatewayError["reason"] => {
  if (error instanceof Stripe.errors.StripeCardError) return "declined"
  if (error instanceof Stripe.errors.StripeRateLimitError) return "rate_limited"
  const final = error instanceof Stripe.errors.StripeInvalidRequestError ||
    error instanceof Stripe.errors.StripeAuthenticationError ||
    error instanceof Stripe.errors.StripePermissionError ||
    error instanceof Stripe.errors.StripeIdempotencyError
  return final ? "invalid" : "unavailable"
}

/** Too little balance to refund from (https://docs.stripe.com/error-codes). */
const curableCodes: ReadonlyArray<string | undefined> = ["balance_insufficient", "insufficient_funds"]

/** Whether Stripe refuses us rather than what we ask: a key that was rolled or restricted, a balance that is too low. */
const isCurable = (error: unknown): boolean =>
  error instanceof Stripe.errors.StripeAuthenticationError ||
  error instanceof Stripe.errors.StripePermissionError || curableCodes.includes(codeOf(error))

/** Stripe's own messages may quote what we sent: only its codes are repeated. */
export const toGatewayError = (error: unknown): GatewayError => {
  const reason = reasonOf(error)
  const code = error instanceof Stripe.errors.StripeError
    ? error.decline_code ?? error.code ?? error.type
    : "network"
  return new GatewayError({
    reason,
    detail: `Stripe answered ${code}.`,
    ...(isCurable(error) ? { curable: true } : {})
  })
}

export const ask = <A>(request: () => Promise<A>) =>
  Effect.tryPromise({ try: request, catch: (cause) => cause })

/**
 * Stripe keeps the first answer under a key, a failure of its own included, and repeats that for a day
 * (https://docs.stripe.com/api/idempotent_requests).
 */
export const isStored = (error: unknown): boolean =>
  error instanceof Stripe.errors.StripeError && ((error.statusCode ?? 0) >= 500 || isCurable(error)) &&
  error.headers?.["idempotent-replayed"] === "true"

/** Names for one request at most: each stands for a failure of Stripe's that it keeps. */
export const editions = 4

/**
 * Asks under one key as long as the answer is not known, and under the next one once a failure is kept under it. For
 * requests that cannot charge twice, whatever became of the first.
 */
export const named = <A>(
  key: string,
  request: (idempotencyKey: string) => Promise<A>,
  edition = 1
): Effect.Effect<A, unknown> =>
  ask(() => request(edition === 1 ? key : `${key}.${edition}`)).pipe(
    Effect.catchIf((error) => edition < editions && isStored(error), () => named(key, request, edition + 1))
  )
