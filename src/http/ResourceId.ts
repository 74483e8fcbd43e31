/** Ids of accepted work: the same request under the same key, from the same caller, names the same work. */
import { Effect, Option } from "effect"
import { createHash } from "node:crypto"
import { CurrentCaller } from "./Caller.ts"
import { IdempotencyKey } from "./Idempotency.ts"

const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"

const short = (digest: Uint8Array): string =>
  Array.from(digest.subarray(0, 20), (byte) => alphabet[byte & 31]).join("")

/**
 * `flow_` and 100 bits of a digest over the caller, and over the Idempotency-Key or, without one, the body:
 * sending the same request twice is one piece of work, also after a crash between the two.
 */
export const resourceId = Effect.fnUntraced(function* (prefix: string, body: unknown) {
  const caller = yield* CurrentCaller
  const key = yield* IdempotencyKey
  const reason = Option.match(key, {
    onNone: () => `body\n${JSON.stringify(body)}`,
    onSome: ({ key }) => `key\n${key}`
  })
  return `${prefix}_${short(createHash("sha256").update(`${prefix}\n${caller.tokenId}\n${reason}`).digest())}`
})
