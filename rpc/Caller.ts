/** Who is calling: what a client token says. */
import { Schema } from "effect"

/** `admin` runs the installation, `organizer` owns events, `operator` scans at the gates it was given. */
export const Role = Schema.Literals(["admin", "organizer", "operator"])

/** One of the three roles. */
export type Role = typeof Role.Type

/** The holder of a token; `events` and `gates` limit an operator, and their absence means no limit. */
export const Caller = Schema.Struct({
  tokenId: Schema.String,
  role: Role,
  subject: Schema.String,
  events: Schema.optionalKey(Schema.Array(Schema.Int)),
  gates: Schema.optionalKey(Schema.Array(Schema.String))
})

/** The decoded form of `Caller`. */
export type Caller = typeof Caller.Type
