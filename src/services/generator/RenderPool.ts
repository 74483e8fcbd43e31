/** Renders the tickets of chunks: a few beside everything else, many on threads of their own. */
import { Array, Config, Context, Effect, Layer, Option, Pool, Schema } from "effect"
import { RpcClient } from "effect/rpc"
import type { Spawner, WorkerPlatform } from "effect/workers/Worker"
import { availableParallelism } from "node:os"
import type { FileStoreError } from "../../files/FileStore.ts"
import type { BatchTicket } from "../../../rpc/TicketWebhookBodies.ts"
import type { RenderOptions } from "./TicketApi.ts"
import { type Printable, RenderRpc, TicketRenderer } from "./TicketRenderer.ts"

/** A thread broke, or did not answer: its tickets are to be rendered again. */
export class ThreadBroken extends Schema.TaggedError<ThreadBroken>()("ThreadBroken", {
  reason: Schema.String
}) {}

/** So many tickets take less time here than a thread takes to start. */
const few = 8

/** Tickets in one message to a thread: some thirty milliseconds of work. */
const groupSize = 8

/** Messages that a thread has at once, so that it never waits for the next. */
const ahead = 2

/** More than a group takes that an object store makes wait again and again (`S3Files`): such a thread hangs. */
const longest = "10 minutes"

/** Rendering uses every processor, at a lower priority than the server; `TICKET_THREADS` says how many, 0 for none. */
export const threadCount = Config.withDefault(
  Config.schema(Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 64 })), "TICKET_THREADS"),
  Math.min(availableParallelism(), 8)
)

/** A client of one thread, which ends with its scope. */
const thread = Effect.gen(function* () {
  const protocol = yield* RpcClient.makeProtocolWorker({ size: 1, concurrency: ahead })
  return yield* Effect.provideService(RpcClient.make(RenderRpc), RpcClient.Protocol, protocol)
}).pipe(Effect.mapError(({ reason }) => new ThreadBroken({ reason: reason._tag })))

type Rendered = ReadonlyArray<BatchTicket>

/** Renders and stores; the reports come in the order of the tickets. */
export class RenderPool extends Context.Service<RenderPool, {
  readonly render: (
    tickets: ReadonlyArray<Printable>,
    options: RenderOptions
  ) => Effect.Effect<Rendered, FileStoreError | ThreadBroken>
}>()("guichet/services/generator/RenderPool") {
  /** In this thread, which answers others between two tickets. */
  static readonly layerHere: Layer.Layer<RenderPool, never, TicketRenderer> = Layer.effect(
    RenderPool,
    Effect.map(TicketRenderer, (renderer) => RenderPool.of({ render: renderer.render }))
  )

  /**
   * On threads of the program `RenderThread` when there are many, here when there are few. Threads start when they are
   * needed and end when they are idle.
   */
  static readonly layerThreads = (
    spawning: Layer.Layer<Spawner | WorkerPlatform>
  ): Layer.Layer<RenderPool, Config.ConfigError, TicketRenderer> =>
    Layer.effect(
      RenderPool,
      Effect.gen(function* () {
        const here = yield* RenderPool
        const size = yield* threadCount
        if (size === 0) return here
        const pool = yield* Pool.makeWithTTL({
          acquire: Effect.provide(thread, spawning),
          min: 0,
          max: size,
          concurrency: ahead,
          timeToLive: "1 minute"
        })

        const onThread = (tickets: ReadonlyArray<Printable>, options: RenderOptions) =>
          Effect.scoped(Effect.gen(function* () {
            const client = yield* Pool.get(pool)
            return yield* client.Render({ tickets, options }).pipe(
              Effect.timeoutOption(longest),
              Effect.flatMap(Option.match({
                onNone: () => Effect.fail(new ThreadBroken({ reason: "no answer" })),
                onSome: (rendered) => Effect.succeed(rendered)
              })),
              Effect.catchTag("RpcClientError", ({ message }) => new ThreadBroken({ reason: message })),
              Effect.tapErrorTag("ThreadBroken", () => Pool.invalidate(pool, client))
            )
          }))

        return RenderPool.of({
          render: Effect.fn("RenderPool.render")(function* (tickets, options) {
            if (tickets.length <= few) return yield* here.render(tickets, options)
            const rendered = yield* Effect.forEach(
              Array.chunksOf(tickets, groupSize),
              (group) => onThread(group, options),
              { concurrency: size * ahead }
            )
            return rendered.flat()
          })
        })
      })
    ).pipe(Layer.provide(RenderPool.layerHere))
}
