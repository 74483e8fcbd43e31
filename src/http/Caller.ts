/** Who is calling: what a client token says, and the guards that read it. */
import { Context, Effect, Schema } from "effect"
import { Forbidden } from "./Problems.ts"

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

/** The caller of the request being answered, provided by `Authorization`. */
export class CurrentCaller extends Context.Service<CurrentCaller, Caller>()("guichet/http/CurrentCaller") {}

/** The caller, when it has one of the roles; 403 otherwise. */
export const requireRole = (...roles: ReadonlyArray<Role>): Effect.Effect<Caller, Forbidden, CurrentCaller> =>
  Effect.flatMap(
    CurrentCaller,
    (caller) =>
      roles.includes(caller.role) ? Effect.succeed(caller) : Effect.fail(
        new Forbidden({
          detail: `Use a token with the role ${roles.join(" or ")}: yours is ${caller.role}.`
        })
      )
  )

/** Whether the token reaches this event, and this gate when one is named. */
export const reaches = (caller: Caller, event: number, gate?: string): boolean =>
  (caller.events === undefined || caller.events.includes(event)) &&
  (gate === undefined || caller.gates === undefined || caller.gates.includes(gate))
