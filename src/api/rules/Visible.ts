/** What a caller may see: its organisation's, an admin everything, an operator nothing (403); the rest is not there (404). */
import { Effect, Option } from "effect"
import { type Caller, managers } from "../../../rpc/values/Caller.ts"
import { type CurrentCaller, requireRole } from "./CurrentCaller.ts"
import { type Forbidden, NotFound } from "../../http/Problems.ts"

export const missing = (what: string) => new NotFound({ detail: `There is no such ${what}.` })

/** Whether the caller, who manages events, reads what is this owner's. */
export const mayRead = (caller: Caller, owner: string | null): boolean =>
  caller.sees === "everybody" || caller.owner === owner

/** Whose a list shows: the caller's organisation's, or everybody's, which is undefined. */
export const ownerOf = Effect.map(
  requireRole(...managers),
  ({ owner, sees }) => sees === "everybody" ? undefined : owner
)

/** The resource, when it exists and the caller may read it. */
export const visible = <A extends { readonly owner: string | null }, R>(
  what: string,
  found: Effect.Effect<Option.Option<A>, never, R>
): Effect.Effect<A, Forbidden | NotFound, R | CurrentCaller> =>
  Effect.gen(function* () {
    const caller = yield* requireRole(...managers)
    const resource = yield* found
    return Option.isSome(resource) && mayRead(caller, resource.value.owner)
      ? resource.value
      : yield* missing(what)
  })
