/** Renders the tickets of chunks: a few beside everything else, many on threads of their own. */
import { Array, type Config, Context, Effect, Layer } from "effect"
import { RpcClient } from "effect/rpc"
import type { Spawner, WorkerPlatform } from "effect/workers/Worker"
import * as ThreadPool from "../../durable/ThreadPool.ts"
import type { FileStoreError } from "../../files/FileStore.ts"
import type { BatchTicket } from "../../../rpc/TicketWebhookBodies.ts"
import type { RenderOptions } from "./TicketApi.ts"
import { type Printable, RenderRpc, TicketRenderer } from "./TicketRenderer.ts"

/** So many tickets take less time here than a thread takes to start. */
const few = 8

/** Tickets in one message to a thread: some thirty milliseconds of work. */
const groupSize = 8

/** Messages that a thread has at once, so that it never waits for the next. */
const ahead = 2

/** More than a group takes that an object store makes wait again and again (`S3Files`): such a thread hangs. */
const longest = "10 minutes"

type Rendered = ReadonlyArray<BatchTicket>

/** Renders and stores; the reports come in the order of the tickets. */
export class RenderPool extends Context.Service<RenderPool, {
  readonly render: (
    tickets: ReadonlyArray<Printable>,
    options: RenderOptions
  ) => Effect.Effect<Rendered, FileStoreError | ThreadPool.ThreadBroken>
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
        const size = yield* ThreadPool.threadCount
        if (size === 0) return here
        const ask = yield* ThreadPool.make({
          client: RpcClient.make(RenderRpc),
          spawning,
          size,
          ahead,
          longest
        })

        return RenderPool.of({
          render: Effect.fn("RenderPool.render")(function* (tickets, options) {
            if (tickets.length <= few) return yield* here.render(tickets, options)
            const rendered = yield* Effect.forEach(
              Array.chunksOf(tickets, groupSize),
              (group) => ask((thread) => thread.Render({ tickets: group, options })),
              { concurrency: size * ahead }
            )
            return rendered.flat()
          })
        })
      })
    ).pipe(Layer.provide(RenderPool.layerHere))
}
