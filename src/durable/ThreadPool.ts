/** Threads of this process that run one program: each is asked something and answers within a time, or is ended. */
import { Config, Effect, type Layer, Pool, Schema, SchemaGetter, type Scope } from "effect"
import { RpcClient, RpcClientError } from "effect/rpc"
import type { Spawner, WorkerPlatform } from "effect/workers/Worker"
import { availableParallelism } from "node:os"

/** A thread broke, or did not answer in time: what it was asked is to be asked again. */
export class ThreadBroken extends Schema.TaggedError<ThreadBroken>()("ThreadBroken", {
  reason: Schema.String
}) {}

/** Drawing uses every processor, at a lower priority than the server; `TICKET_THREADS` says how many, 0 for none. */
export const threadCount = Config.withDefault(
  Config.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 64 })), "TICKET_THREADS"),
  Math.min(availableParallelism(), 8)
)

const asItIs = <A>() =>
  Schema.link<A>()(Schema.Any, {
    decode: SchemaGetter.passthrough(),
    encode: SchemaGetter.passthrough()
  })

/**
 * Plain data that two threads of this program hand to each other as a structured clone: nothing is encoded, so a long
 * message does not hold the thread that sends it. What is in it twice is sent once.
 */
export const cloned = <A>(): Schema.declare<A> =>
  Schema.declare((_value): _value is A => true, { toCodecJson: () => asItIs<A>() })

/** How threads are asked: `ahead` is how many messages one has at once, `longest` how long an answer may take. */
export interface ThreadPoolOptions<Client> {
  readonly client: Effect.Effect<Client, never, RpcClient.Protocol | Scope.Scope>
  readonly spawning: Layer.Layer<Spawner | WorkerPlatform>
  readonly size: number
  readonly ahead: number
  readonly longest: `${number} ${"seconds" | "minutes"}`
}

type Answered<E> = Exclude<E, RpcClientError.RpcClientError> | ThreadBroken

const broken = <E>(error: E): Answered<E> =>
  error instanceof RpcClientError.RpcClientError
    ? new ThreadBroken({ reason: error.message })
    : error as Exclude<E, RpcClientError.RpcClientError>

/**
 * Threads start when they are needed and end when they are idle. One that breaks or does not answer in time is ended, and
 * the next question starts another.
 */
export const make = Effect.fnUntraced(function* <Client>(
  { ahead, client, longest, size, spawning }: ThreadPoolOptions<Client>
) {
  const thread = Effect.gen(function* () {
    const protocol = yield* RpcClient.makeProtocolWorker({ size: 1, concurrency: ahead })
    return yield* Effect.provideService(client, RpcClient.Protocol, protocol)
  }).pipe(Effect.mapError(({ reason }) => new ThreadBroken({ reason: reason._tag })))
  const pool = yield* Pool.makeWithTTL({
    acquire: Effect.provide(thread, spawning),
    min: 0,
    max: size,
    concurrency: ahead,
    timeToLive: "1 minute"
  })

  return <A, E>(
    question: (client: Client) => Effect.Effect<A, E>
  ): Effect.Effect<A, Answered<E>> =>
    Effect.scoped(Effect.gen(function* () {
      const asked = yield* Pool.get(pool)
      return yield* question(asked).pipe(
        Effect.mapError(broken),
        Effect.timeoutOrElse({
          duration: longest,
          orElse: () => Effect.fail(new ThreadBroken({ reason: "no answer" }))
        }),
        Effect.tapError((error) => error instanceof ThreadBroken ? Pool.invalidate(pool, asked) : Effect.void)
      )
    }))
})
