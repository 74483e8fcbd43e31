/** The runtime, Deno or Node: the one file that makes services of it. Everything else asks Effect's services. */
import * as NodeCrypto from "@effect/platform-node/NodeCrypto"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as NodeSocket from "@effect/platform-node/NodeSocket"
import * as NodeSocketServer from "@effect/platform-node/NodeSocketServer"
import * as NodeWorker from "@effect/platform-node/NodeWorker"
import * as NodeWorkerRunner from "@effect/platform-node/NodeWorkerRunner"
import { Duration, Effect, Layer, Redacted, Runtime, type Scope } from "effect"
import { FetchHttpClient, type HttpClient } from "effect/http"
import type { Redis } from "effect/persistence"
import type { Socket, SocketServer } from "effect/socket"
import type { Spawner, WorkerPlatform } from "effect/workers/Worker"
import type { WorkerRunnerPlatform } from "effect/workers/WorkerRunner"
import { createServer } from "node:http"
import { isIP } from "node:net"
import { setPriority } from "node:os"
import process from "node:process"
import { parentPort, Worker, workerData } from "node:worker_threads"
import { callerAt, type FastPathServer, withFastPath } from "./server/FastPathServer.ts"
import { withGracefulShutdown } from "./server/GracefulShutdown.ts"
import { type Report, withTurns } from "./server/RequestFront.ts"

/** Runs the program, interrupts it on SIGINT and SIGTERM, and exits with its outcome. */
export const runMain = NodeRuntime.runMain

/** Files, paths, terminal, standard streams and child processes. */
export const services: Layer.Layer<NodeServices.NodeServices> = NodeServices.layer

/** The digests that message storage needs. */
export const digest = NodeCrypto.layerDigest

/**
 * How long a client may take, and how long its headers may be: a head that does not come, or a body that does not end,
 * holds a connection no longer. The longest body, 8 MiB, comes in a minute at one megabit a second. A connection is kept
 * between two requests for longer than proxies keep theirs (a minute, often): who ends it first must be the one who sends
 * the next request, or that request may meet a connection that ends.
 */
const patience = {
  headersTimeout: 10_000,
  requestTimeout: 60_000,
  keepAliveTimeout: 75_000,
  maxHeaderSize: 16_384
}

/**
 * An HTTP server with its file and etag services. At shutdown it stops accepting and waits for the
 * requests it is answering, `gracefulShutdown` at most (10 seconds); a connection that is between two requests is kept
 * for `farewell` (a second) more. While `isLeaving`, answers end their connections. `report` is given what a listener
 * throws.
 */
export const httpServer = (
  options: {
    readonly port: number
    readonly host?: string | undefined
    readonly gracefulShutdown?: Duration.Input | undefined
    readonly farewell?: Duration.Input | undefined
    readonly isLeaving?: (() => boolean) | undefined
    readonly fastPath?: FastPathServer | undefined
    readonly report: Report
  }
) =>
  NodeHttpServer.layer(
    () =>
      withGracefulShutdown(
        withFastPath(
          withTurns(createServer(patience), options.report, callerAt(options.fastPath)),
          options.fastPath,
          options.report
        ),
        {
          isLeaving: options.isLeaving ?? (() => false),
          millis: Duration.toMillis(Duration.fromInputUnsafe(options.farewell ?? "1 second"))
        },
        options.report
      ),
    {
      port: options.port,
      host: options.host ?? "127.0.0.1",
      gracefulShutdownTimeout: options.gracefulShutdown ?? "10 seconds"
    }
  )

/** What routes need of the runtime, with or without a server: files by stream and etags. */
export const httpServices = NodeHttpServer.layerHttpServices

/** A server on a free port together with a client of it, for tests. */
export const httpServerTest = NodeHttpServer.layerTest

/** A client that follows no redirect: a service or a webhook that answers 3xx has failed. */
export const httpClient: Layer.Layer<HttpClient.HttpClient> = Layer.provide(
  FetchHttpClient.layer,
  Layer.succeed(FetchHttpClient.RequestInit, { redirect: "manual" })
)

/** Redis, its driver loaded only when a URL makes it needed. */
export const redis = (url: Redacted.Redacted): Layer.Layer<Redis.Redis, Redis.RedisError> =>
  Layer.unwrap(Effect.map(
    Effect.promise(() => import("@effect/platform-node/NodeRedis")),
    (NodeRedis) => NodeRedis.layer({ url: Redacted.value(url) })
  ))

/** How one runner of the cluster listens or is reached: with TLS where it has PEM texts. */
export interface SocketAddress {
  readonly host: string
  readonly port: number
  readonly tls?: { readonly cert: string; readonly key: Redacted.Redacted; readonly ca: string } | undefined
}

/** Listens for sockets; a handshake of TLS has five seconds. */
export const socketServer = (
  { host, port, tls }: SocketAddress
): Effect.Effect<SocketServer.SocketServer["Service"], SocketServer.SocketServerError, Scope.Scope> =>
  tls === undefined ? NodeSocketServer.make({ host, port }) : NodeSocketServer.makeTls({
    host,
    port,
    cert: tls.cert,
    key: Redacted.value(tls.key),
    handshakeTimeout: 5000
  })

/** A socket to a listening one, opened when it is read; its certificate must be the authority's and name the host. */
export const connectSocket = ({ host, port, tls }: SocketAddress): Effect.Effect<Socket.Socket> => {
  const target = { host, port, timeout: 5500 }
  return tls === undefined ? NodeSocket.makeNet({ ...target, openTimeout: "1 second" }) : NodeSocket.makeTls({
    ...target,
    openTimeout: "5 seconds",
    ca: tls.ca,
    ...(isIP(host) === 0 ? { servername: host } : {})
  })
}

/** A thread's heap, in MiB: it collects its garbage early, so that a long job takes no more memory than a short one. */
const resourceLimits = { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 64 }

/** Threads of this process that run the program at `entry`, each given these settings. */
export const threads = (
  entry: URL | (() => URL),
  settings: Readonly<Record<string, string>>
): Layer.Layer<Spawner | WorkerPlatform> =>
  NodeWorker.layer(() =>
    new Worker(entry instanceof URL ? entry : entry(), { workerData: settings, resourceLimits })
  )

/** Runs a thread's program: it ends when it is asked to, not at a signal, which its process answers (on Deno, threads hear it too). */
export const runThread = Runtime.makeRunMain(({ fiber, teardown }) =>
  fiber.addObserver((exit) => teardown(exit, (code) => process.exit(code)))
)

/** Deno's `parentPort` has no `close` (2.9.6), which the runner calls when the thread is asked to end. */
const withClose = Effect.sync(() => {
  if (parentPort === null || "close" in parentPort) return
  Object.assign(parentPort, { close: () => parentPort?.unref() })
})

/** In a thread: how it is asked and answers. */
export const threadRunner: Layer.Layer<WorkerRunnerPlatform> = Layer.unwrap(
  Effect.as(withClose, NodeWorkerRunner.layer)
)

/** In a thread: the settings it was given. */
export const threadSettings = Effect.sync(() => workerData as Readonly<Record<string, string>>)

/**
 * In a thread: other threads go first when processors are short. Only on Linux, where a priority is a thread's own:
 * elsewhere it is the process's, and the gate would give way too. A runtime that does not allow it is named in the log.
 */
export const giveWay: Effect.Effect<void> = Effect.try({
  try: () => process.platform === "linux" && setPriority(10),
  catch: (cause) => cause
}).pipe(
  Effect.asVoid,
  Effect.catch((cause) =>
    Effect.logWarning("This thread cannot give way: grant the right to set priorities", cause)
  )
)
