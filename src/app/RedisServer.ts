/** The Redis server of `REDIS_URL`, which answers before anything is served. */
import { Config, Effect, Layer, Option, Redacted, Schema } from "effect"
import type { Redis } from "effect/persistence"
import * as Platform from "../Platform.ts"

/** The address is none, or nobody answers there; `message` names the variable and never the password. */
export class RedisAway extends Schema.TaggedError<RedisAway>()("RedisAway", { message: Schema.String }) {}

const failed = (error: RedisAway): Layer.Layer<Redis.Redis, RedisAway> =>
  Layer.effectContext(Effect.fail(error))

/** A connection, when `REDIS_URL` is set. */
export const redisLayer = Effect.gen(function* () {
  const url = Option.filter(
    yield* Config.option(Config.Redacted("REDIS_URL")),
    (value) => Redacted.value(value).trim() !== ""
  )
  if (Option.isNone(url)) return Option.none()
  const text = Redacted.value(url.value)
  if (!/^rediss?:\/\//.test(text) || !URL.canParse(text)) {
    return yield* new RedisAway({
      message: "REDIS_URL is not an address such as redis://cache.example:6379."
    })
  }
  const { host } = new URL(text)
  return Option.some(
    Platform.redis(url.value).pipe(
      Layer.catchTag("RedisError", ({ cause }) =>
        failed(
          new RedisAway({
            message: `Redis at ${host} does not answer (${
              cause instanceof Error ? cause.message : cause
            }): start it, or correct REDIS_URL.`
          })
        ))
    )
  )
})
