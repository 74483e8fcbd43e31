/** Who moves the money. To add a provider, name it here: the compiler names the Records that must know it. */
import * as Schema from "effect/Schema"

export const PaymentProvider = Schema.Literals(["stripe", "sandbox"])
export type PaymentProvider = typeof PaymentProvider.Type

/** What people read. */
export const providerTitles: Readonly<Record<PaymentProvider, string>> = {
  stripe: "Stripe",
  sandbox: "Sandbox"
}

/** The sandbox plays whichever provider was asked for; nobody asks for it. */
const playsAll = "sandbox"

const isAskedFor = (provider: PaymentProvider) => provider !== playsAll

/** What a request may name as its `method`. */
export const PaymentMethod = Schema.Literals(PaymentProvider.literals.filter(isAskedFor))
export type PaymentMethod = typeof PaymentMethod.Type

/** Whether a payment that asks for a method may be charged by this provider. */
export const takes = (provider: PaymentProvider, method: PaymentMethod): boolean =>
  provider === playsAll || provider === method
