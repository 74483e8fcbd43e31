/** `X-Organizer`: the organisation that an admin acts for, in what it makes and in what it sees. */
import { Effect, Schema } from "effect"
import type { Caller } from "../../../rpc/values/Caller.ts"
import { Label } from "../../../rpc/values/Values.ts"
import { Forbidden, InvalidRequest } from "../../http/Problems.ts"

/** The header: a name, percent-encoded (RFC 3986) where it is not ASCII. */
export const organizerHeader = "x-organizer"

const detail =
  "Send the organiser's name: 1 to 200 characters without control characters, percent-encoded UTF-8 " +
  "where they are not ASCII."

const malformed = new InvalidRequest({
  detail,
  errors: [{ in: "header", parameter: organizerHeader, detail }]
})

const anothers = new Forbidden({
  detail: "Leave X-Organizer out: only an admin acts for an organiser that its token does not name."
})

const nameOf = (header: string) =>
  Effect.try({ try: () => decodeURIComponent(header).trim(), catch: () => malformed }).pipe(
    Effect.flatMap((name) => Schema.is(Label)(name) ? Effect.succeed(name) : Effect.fail(malformed))
  )

/** The caller as the header has it act; whom it may not act for is refused, whether that one exists or not. */
export const actingFor = Effect.fnUntraced(function* (caller: Caller, header: string | undefined) {
  if (header === undefined) return caller
  const owner = yield* nameOf(header)
  if (caller.role === "admin") return { ...caller, owner, sees: "own" } satisfies Caller
  return owner === caller.owner ? caller : yield* anothers
})
