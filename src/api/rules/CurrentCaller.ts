/** The caller of the request being answered, and the guards that read it. */
import { Context, Effect } from "effect"
import { configuredGate } from "../../../rpc/values/GateName.ts"
import type { Caller, Role } from "../../../rpc/values/Caller.ts"
import { Forbidden } from "../../http/Problems.ts"

/** The caller of the request being answered, provided by `Authorization`. */
export class CurrentCaller
  extends Context.Service<CurrentCaller, Caller>()("guichet/api/rules/CurrentCaller") {}

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

/** Whether the token reaches this gate of an event that it reaches. */
export const reachesGate = ({ gates }: Caller, gate: string): boolean =>
  gates === undefined || configuredGate(gates, gate) !== undefined
