/**
 * Runners over real sockets, plain and in TLS: who has the key is answered, and who has not is neither heard nor kept.
 * Guards whose removal turns this red: the handshake of either side, the certificate's authority, the
 * report of runners that do not prove themselves.
 */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer, Option, Redacted } from "effect"
import { RunnerAddress, Runners, ShardingConfig } from "effect/cluster"
import { Rpc, RpcClient, RpcGroup, RpcSerialization, RpcServer } from "effect/rpc"
import { Socket } from "effect/socket"
import { type AddressInfo, createServer } from "node:net"
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Path from "node:path"
import {
  layerClient,
  layerServer,
  type RunnerTrust,
  UnprovedRunners
} from "../../src/cluster/RunnerTransport.ts"
import * as Platform from "../../src/Platform.ts"
import { derivedKeys } from "../../src/trust/DerivedKey.ts"
import { temporaryDirectory } from "../support/Served.ts"

const Cancel = Rpc.make("Cancel")
const Group = RpcGroup.make(Cancel)

const trustOf = (secret: string, tls?: RunnerTrust["tls"]): RunnerTrust => ({
  keys: derivedKeys([Redacted.make(secret)], "cluster.v1"),
  tls
})

const freePort = Effect.callback<number>((resume) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const { port } = server.address() as AddressInfo
    server.close(() => resume(Effect.succeed(port)))
  })
})

const serialization = RpcSerialization.layerSchemaBinary()

/** A runner that counts the orders it obeys. */
const runner = Effect.fnUntraced(function* (trust: RunnerTrust) {
  const orders = { count: 0 }
  const port = yield* freePort
  const address = RunnerAddress.make("127.0.0.1", port)
  yield* Layer.build(
    RpcServer.layer(Group).pipe(
      Layer.provide(Group.toLayer({ Cancel: () => Effect.sync(() => void orders.count++) })),
      Layer.provide(RpcServer.layerProtocolSocketServer),
      Layer.provide(layerServer(trust)),
      Layer.provide(ShardingConfig.layer({ runnerAddress: Option.some(address) })),
      Layer.provide(serialization)
    )
  )
  return { address, orders, port }
})

const order = (protocol: RpcClient.Protocol["Service"]) =>
  RpcClient.make(Group).pipe(
    Effect.provideService(RpcClient.Protocol, protocol),
    Effect.flatMap((client) => client.Cancel()),
    Effect.isSuccess
  )

/** An order by another runner, and whom that one reports. */
const byRunner = (address: RunnerAddress.RunnerAddress, trust: RunnerTrust) =>
  Effect.gen(function* () {
    const protocol = yield* (yield* Runners.RpcClientProtocol).make(address)
    const obeyed = yield* order(protocol)
    return { obeyed, reported: yield* (yield* UnprovedRunners).current }
  }).pipe(
    Effect.scoped,
    Effect.provide(
      layerClient(trust).pipe(
        Layer.provideMerge(Layer.fresh(UnprovedRunners.layer)),
        Layer.provide(serialization)
      )
    )
  )

/** An order by a script that speaks the cluster's protocol and has no secret. */
const byScript = (port: number, tls?: RunnerTrust["tls"]) =>
  Effect.gen(function* () {
    const socket = yield* Platform.connectSocket({ host: "127.0.0.1", port, tls })
    const context = Context.make(Socket.Socket, socket)
    return yield* order(yield* Effect.provide(RpcClient.makeProtocolSocket(), context))
  }).pipe(Effect.scoped, Effect.provide(serialization))

/** A certificate of its own authority for 127.0.0.1. */
const certificate = (directory: string, name: string): NonNullable<RunnerTrust["tls"]> => {
  const [key, cert] = [Path.join(directory, `${name}.key`), Path.join(directory, `${name}.pem`)]
  execFileSync("openssl", [
    ...["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"],
    ...["-subj", "/CN=runner", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert]
  ], { stdio: "ignore" })
  const pem = Fs.readFileSync(cert, "utf8")
  return { ca: pem, cert: pem, key: Redacted.make(Fs.readFileSync(key, "utf8")) }
}

describe("a runner's port", () => {
  it.live("obeys a runner with the cluster's secret, and no other, and no script", () =>
    Effect.gen(function* () {
      const { address, orders, port } = yield* runner(trustOf("the secret"))
      assert.deepStrictEqual(yield* byRunner(address, trustOf("the secret")), { obeyed: true, reported: [] })
      assert.deepStrictEqual(yield* byRunner(address, trustOf("another")), {
        obeyed: false,
        reported: [`127.0.0.1:${port}`]
      })
      assert.isFalse(yield* byScript(port))
      assert.strictEqual(orders.count, 1)
    }))

  it.live("speaks TLS with its certificate, to runners that trust its authority", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const [own, other] = [certificate(directory, "own"), certificate(directory, "other")]
      const { address, orders, port } = yield* runner(trustOf("the secret", own))
      assert.isTrue((yield* byRunner(address, trustOf("the secret", own))).obeyed)
      assert.isFalse((yield* byRunner(address, trustOf("the secret", other))).obeyed)
      assert.isFalse((yield* byRunner(address, trustOf("the secret"))).obeyed)
      assert.isFalse((yield* byRunner(address, trustOf("another", own))).obeyed)
      assert.isFalse(yield* byScript(port, own))
      assert.strictEqual(orders.count, 1)
    }))
})
