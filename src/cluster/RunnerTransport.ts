/** How runners reach each other: over sockets that prove themselves first, and in TLS where it is configured. */
import { Clock, Context, Duration, Effect, Layer } from "effect"
import { Runners, ShardingConfig } from "effect/cluster"
import { RpcClient, RpcSerialization } from "effect/rpc"
import { Socket, SocketServer } from "effect/socket"
import * as Platform from "../Platform.ts"
import { PortRefused } from "../PortRefused.ts"
import type { DerivedKeys } from "../trust/DerivedKey.ts"
import {
  atMost,
  authenticated,
  clientHandshake,
  type Handshake,
  isRefused,
  serverHandshake
} from "./RunnerHandshake.ts"

/** What a runner needs to talk to the others: the cluster's keys, and its certificate where TLS is configured. */
export interface RunnerTrust {
  readonly keys: DerivedKeys
  readonly tls: Platform.SocketAddress["tls"]
}

/** Connections that may be proving themselves at one time. */
const unproved = 64

/** A registered runner that did not prove itself is reported for this long after the last attempt. */
const reportedFor = Duration.toMillis("1 minute")

/** The registered runners that do not prove themselves to this one; a stranger who connects is none of them. */
export class UnprovedRunners extends Context.Service<UnprovedRunners, {
  readonly failed: (address: string) => Effect.Effect<void>
  readonly proved: (address: string) => Effect.Effect<void>
  readonly current: Effect.Effect<ReadonlyArray<string>>
}>()("guichet/cluster/UnprovedRunners") {
  static readonly layer: Layer.Layer<UnprovedRunners> = Layer.sync(UnprovedRunners, () => {
    const seen = new Map<string, number>()
    const isOld = (at: number, now: number) => now - at > reportedFor
    return UnprovedRunners.of({
      failed: Effect.fnUntraced(function* (address) {
        const now = yield* Clock.currentTimeMillis
        const at = seen.get(address)
        seen.set(address, now)
        if (at !== undefined && !isOld(at, now)) return
        yield* Effect.logError(
          "A runner does not prove that it belongs to this cluster: give both the same GUICHET_CLUSTER_SECRET",
          { address }
        )
      }),
      proved: (address) => Effect.sync(() => void seen.delete(address)),
      current: Effect.map(Clock.currentTimeMillis, (now) => {
        for (const [address, at] of seen) if (isOld(at, now)) seen.delete(address)
        return [...seen.keys()]
      })
    })
  })
}

/** Says a sentence once a minute at most, however often strangers make it true. */
const rarely = (sentence: string) => {
  let last = Number.NEGATIVE_INFINITY
  return Effect.flatMap(Clock.currentTimeMillis, (now) => {
    if (now - last < 60_000) return Effect.void
    last = now
    return Effect.logWarning(sentence)
  })
}

/** The listening side, at the address under which this runner is registered. */
export const layerServer = (
  { keys, tls }: RunnerTrust
): Layer.Layer<SocketServer.SocketServer, PortRefused, ShardingConfig.ShardingConfig> =>
  Layer.effect(
    SocketServer.SocketServer,
    Effect.gen(function* () {
      const { runnerAddress } = yield* ShardingConfig.ShardingConfig
      const { host, port } = yield* Effect.orDie(Effect.fromOption(runnerAddress))
      const server = yield* Effect.mapError(
        Platform.socketServer({ host, port, tls }),
        PortRefused.of({
          hostVariable: "GUICHET_RUNNER_HOST",
          host,
          portVariable: "GUICHET_RUNNER_PORT",
          port
        })
      )
      const report = rarely("A connection to this runner's port did not prove that it belongs to the cluster")
      const bounded = atMost(unproved, serverHandshake({ keys, address: `${host}:${port}` }))
      const reported: Handshake = (connection) => Effect.tapError(bounded(connection), () => report)
      return SocketServer.SocketServer.of({
        address: server.address,
        run: (handler) => server.run((socket) => handler(authenticated(socket, reported)))
      })
    })
  )

/** The calling side. */
export const layerClient = (
  { keys, tls }: RunnerTrust
): Layer.Layer<
  Runners.RpcClientProtocol,
  never,
  RpcSerialization.RpcSerialization | UnprovedRunners
> =>
  Layer.effect(
    Runners.RpcClientProtocol,
    Effect.gen(function* () {
      const serialization = yield* RpcSerialization.RpcSerialization
      const runners = yield* UnprovedRunners
      return Runners.RpcClientProtocol.of({
        codecFor: serialization.codecFor,
        make: Effect.fnUntraced(function* ({ host, port }) {
          const address = `${host}:${port}`
          const handshake = clientHandshake({ keys, address })
          const reported: Handshake = (connection) =>
            handshake(connection).pipe(
              Effect.tap(() => runners.proved(address)),
              Effect.tapError((error) => isRefused(error) ? runners.failed(address) : Effect.void)
            )
          return yield* RpcClient.makeProtocolSocket().pipe(
            Effect.provideService(
              Socket.Socket,
              authenticated(yield* Platform.connectSocket({ host, port, tls }), reported)
            ),
            Effect.provideService(RpcSerialization.RpcSerialization, serialization)
          )
        })
      })
    })
  )
