/** Ids of accepted work: the same request under the same key, from the same caller, names the same work. */
import { Effect, Option } from "effect"
import { createHash } from "node:crypto"
import { CurrentCaller } from "./CurrentCaller.ts"
import { IdempotencyKey } from "./Idempotency.ts"

const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"

const short = (digest: Uint8Array): string =>
  Array.from(digest.subarray(0, 20), (byte) => alphabet[byte & 31]).join("")

/**
 * `flow_` and 100 bits of a digest over the caller, the organiser that an admin acts for, and over the Idempotency-Key or, without one, the body:
 * sending the same request twice is one piece of work, also after a crash between the two. A key names one piece of
 * work for ever; a body names what `current` answers for the first of its ids.
 */
export const resourceId = Effect.fnUntraced(function* <E, R>(
  prefix: string,
  body: unknown,
  current: (first: string) => Effect.Effect<string, E, R>
) {
  const { owner, role, subject, tokenId } = yield* CurrentCaller
  const acting = role === "admin" && owner !== subject ? `organizer\n${owner}\n` : ""
  const idOf = (reason: string) =>
    `${prefix}_${short(createHash("sha256").update(`${prefix}\n${tokenId}\n${acting}${reason}`).digest())}`
  return yield* Option.match(yield* IdempotencyKey, {
    onNone: () => current(idOf(`body\n${JSON.stringify(body)}`)),
    onSome: ({ key }) => Effect.succeed(idOf(`key\n${key}`))
  })
})
