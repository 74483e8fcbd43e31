/**
 * A runner of another host as a program: says `answered` or `refused` to the question whether the runner at a host and
 * port is there, asked under a secret, or under none.
 */
import { Effect, Layer, Redacted } from "effect"
import { RunnerAddress, Runners } from "effect/cluster"
import { RpcClient, RpcSerialization } from "effect/rpc"
import { Socket } from "effect/socket"
import process from "node:process"
import { layerClient, UnprovedRunners } from "../../src/cluster/RunnerTransport.ts"
import * as Platform from "../../src/Platform.ts"
import { derivedKeys } from "../../src/trust/DerivedKey.ts"

const [host = "", port = "", secret = ""] = process.argv.slice(2)

const serialization = RpcSerialization.layerSchemaBinary()

const ping = (protocol: RpcClient.Protocol["Service"]) =>
  RpcClient.make(Runners.Rpcs).pipe(
    Effect.provideService(RpcClient.Protocol, protocol),
    Effect.flatMap((client) => client.Ping())
  )

const proved = Effect.flatMap(
  Runners.RpcClientProtocol,
  ({ make }) => Effect.flatMap(make(RunnerAddress.make(host, Number(port))), ping)
).pipe(
  Effect.provide(
    layerClient({ keys: derivedKeys([Redacted.make(secret)], "cluster.v1"), tls: undefined }).pipe(
      Layer.provide(UnprovedRunners.layer)
    )
  )
)

const unproved = Effect.flatMap(
  Platform.connectSocket({ host, port: Number(port) }),
  (socket) =>
    Effect.flatMap(Effect.provideService(RpcClient.makeProtocolSocket(), Socket.Socket, socket), ping)
)

const isAnswered = await (secret === "" ? unproved : proved).pipe(
  Effect.timeout("10 seconds"),
  Effect.isSuccess,
  Effect.scoped,
  Effect.provide(serialization),
  Effect.runPromise
)
process.stdout.write(isAnswered ? "answered\n" : "refused\n")
process.exit(0)
