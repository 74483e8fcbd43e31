/** Why a provider did not take a message, without the recipient or the provider's own words in it. */
import { Schema } from "effect"

/** Final: the same message would be refused again. `code` is the provider's reply code. */
export class Rejected extends Schema.TaggedError<Rejected>()("Rejected", {
  code: Schema.optionalKey(Schema.Int)
}) {}

/** Retryable: the provider was not reached, was busy, or did not accept our credentials. */
export class Unreachable extends Schema.TaggedError<Unreachable>()("Unreachable", {
  code: Schema.optionalKey(Schema.Int),
  cause: Schema.optionalKey(Schema.String)
}) {}

/** Final: this installation has no provider for the channel. */
export class Unequipped extends Schema.TaggedError<Unequipped>()("Unequipped", {}) {}

/** The one error of a transport. */
export class DeliveryError extends Schema.TaggedError<DeliveryError>()("DeliveryError", {
  reason: Schema.Union([Rejected, Unreachable, Unequipped])
}) {}
