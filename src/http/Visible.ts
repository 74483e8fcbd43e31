/** What a caller may see: an organiser its own, an admin everything; the rest is not there (404). */
import { Effect, Option } from "effect"
import { type Caller, CurrentCaller } from "./Caller.ts"
import { NotFound } from "./Problems.ts"

export const missing = (what: string) => new NotFound({ detail: `There is no such ${what}.` })

const mayRead = (caller: Caller, owner: string | null): boolean =>
  caller.role === "admin" || (caller.role === "organizer" && caller.subject === owner)

/** The resource, when it exists and the caller may read it. */
export const visible = <A extends { readonly owner: string | null }, R>(
  what: string,
  found: Effect.Effect<Option.Option<A>, never, R>
): Effect.Effect<A, NotFound, R | CurrentCaller> =>
  Effect.gen(function*() {
    const caller = yield* CurrentCaller
    const resource = yield* found
    return Option.isSome(resource) && mayRead(caller, resource.value.owner)
      ? resource.value
      : yield* missing(what)
  })
