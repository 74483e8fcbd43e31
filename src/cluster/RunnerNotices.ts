/**
 * Effect's `SocketRunner.layer`, with one thing more: when another runner says that it stored something for a shard of
 * this one, this one's storage is told, which otherwise reads no more than it must.
 */
import { Effect, Layer } from "effect"
import { Runners, RunnerServer, Sharding } from "effect/cluster"
import { RpcServer } from "effect/rpc"
import { MailboxNews } from "./mailbox/MailboxStorage.ts"

/** What the server of runners calls; everybody in this process calls `Sharding` itself. */
const announced = Layer.effect(
  Sharding.Sharding,
  Effect.gen(function* () {
    const sharding = yield* Sharding.Sharding
    const { arrived } = yield* MailboxNews
    return Sharding.Sharding.of({
      ...sharding,
      notify: (message, options) => Effect.andThen(arrived, sharding.notify(message, options))
    })
  })
)

/** Sharding over sockets. */
export const layerSocketRunner = RunnerServer.layer.pipe(
  Layer.provide(announced),
  Layer.provide(RpcServer.layerProtocolSocketServer),
  Layer.provideMerge(Sharding.layer),
  Layer.provideMerge(Runners.layerRpc)
)
