/** Logos are decoded on a thread of their own: a large one takes up to a second, in which the server answers others. */
import { Context, Effect, Layer, Option } from "effect"
import { Rpc, RpcClient, RpcGroup } from "effect/rpc"
import type { Spawner, WorkerPlatform } from "effect/workers/Worker"
import * as ThreadPool from "../durable/ThreadPool.ts"
import { type DecodedLogo, decodeLogo } from "../print/pdf/Logo.ts"

/** The file, and the logo when it can be drawn. */
export const DecodeLogo = Rpc.make("DecodeLogo", {
  payload: { file: ThreadPool.cloned<Uint8Array>() },
  success: ThreadPool.cloned<DecodedLogo | null>()
})

/** What a logo thread is asked. */
export class LogoRpc extends RpcGroup.make(DecodeLogo) {}

/** Decodes files that `readLogo` takes for a logo; none for one that cannot be drawn. */
export class LogoDecoder extends Context.Service<LogoDecoder, {
  readonly decode: (
    file: Uint8Array
  ) => Effect.Effect<Option.Option<DecodedLogo>, ThreadPool.ThreadBroken>
}>()("guichet/images/LogoDecoder") {
  /** In this thread, which serves nobody, or was told to use no threads. */
  static readonly layerHere: Layer.Layer<LogoDecoder> = Layer.succeed(
    LogoDecoder,
    LogoDecoder.of({ decode: decodeLogo })
  )

  /**
   * On one thread of the program `LogoThread`, which starts with the first file and gives way on a busy machine: so its
   * time is long, although the largest logo takes a second.
   */
  static readonly layerThreads = (
    spawning: Layer.Layer<Spawner | WorkerPlatform>
  ): Layer.Layer<LogoDecoder> =>
    Layer.effect(
      LogoDecoder,
      Effect.map(
        ThreadPool.make({
          client: RpcClient.make(LogoRpc),
          spawning,
          size: 1,
          ahead: 1,
          longest: "60 seconds"
        }),
        (ask) =>
          LogoDecoder.of({
            decode: Effect.fn("LogoDecoder.decode")((file: Uint8Array) =>
              Effect.map(ask((thread) => thread.DecodeLogo({ file })), Option.fromNullOr)
            )
          })
      )
    )
}
