/** The Redis server of `REDIS_URL`, which answers before anything is served. */
import { Config, Effect, Layer, Option, Redacted, Schema } from "effect"
import { Redis } from "effect/persistence"
import * as Platform from "../Platform.ts"

/** The address is none, or nobody answers there; `message` names the variable and never the password. */
export class RedisAway extends Schema.TaggedError<RedisAway>()("RedisAway", { message: Schema.String }) {}

const failed = (error: RedisAway): Layer.Layer<Redis.Redis, RedisAway> =>
  Layer.effectContext(Effect.fail(error))

/** A line `name:value` of what `INFO` answers. */
const fieldOf = (info: string, name: string): string | undefined =>
  info.split("\n").find((line) => line.startsWith(`${name}:`))?.slice(name.length + 1).trim()

/** A server that forgets keys when it is full would forget chunks that wait: it is refused. */
export const checkMemory = Effect.fnUntraced(function* (host: string) {
  const redis = yield* Redis.Redis
  const info = yield* Effect.option(redis.send("INFO", "memory"))
  const text = Option.isSome(info) ? String(info.value) : ""
  const most = fieldOf(text, "maxmemory")
  const policy = fieldOf(text, "maxmemory_policy")
  if (most === undefined || policy === undefined) {
    return yield* Effect.logWarning(`Redis at ${host} does not say whether it forgets keys when it is full`)
  }
  if (most !== "0" && policy !== "noeviction") {
    return yield* new RedisAway({
      message:
        `Redis at ${host} forgets keys when it is full (maxmemory-policy ${policy}), and with them tickets that ` +
        "wait: set maxmemory-policy to noeviction."
    })
  }
})

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
    Layer.effectDiscard(checkMemory(host)).pipe(
      Layer.provideMerge(Platform.redis(url.value)),
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
