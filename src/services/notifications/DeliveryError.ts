/** Why a provider did not take a message, without the recipient or the provider's own words in it. */
import { Schema } from "effect"

/** Final: the same message would be refused again. `code` is the provider's reply code, `status` its enhanced one (`5.1.1`). */
export class Rejected extends Schema.TaggedError<Rejected>()("Rejected", {
  code: Schema.optionalKey(Schema.Int),
  status: Schema.optionalKey(Schema.String)
}) {}

/**
 * Retryable: the provider was not reached, was busy, or did not accept our credentials. `inDoubt`: it was handed all of
 * the message and its answer did not come, so that it may have taken it.
 */
export class Unreachable extends Schema.TaggedError<Unreachable>()("Unreachable", {
  code: Schema.optionalKey(Schema.Int),
  status: Schema.optionalKey(Schema.String),
  inDoubt: Schema.optionalKey(Schema.Boolean),
  cause: Schema.optionalKey(Schema.String)
}) {}

/** Final: this installation has no provider for the channel. */
export class Unequipped extends Schema.TaggedError<Unequipped>()("Unequipped", {}) {}

/** The one error of a transport. */
export class DeliveryError extends Schema.TaggedError<DeliveryError>()("DeliveryError", {
  reason: Schema.Union([Rejected, Unreachable, Unequipped])
}) {}
