/** The runtime, Deno or Node: the one file that knows it. Everything else asks Effect's services. */
import * as NodeClusterSocket from "@effect/platform-node/NodeClusterSocket"
import * as NodeCrypto from "@effect/platform-node/NodeCrypto"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { type Config, type Duration, Effect, Layer, Redacted } from "effect"
import type { MessageStorage, Runners, Sharding, ShardingConfig } from "effect/cluster"
import { FetchHttpClient, type HttpClient } from "effect/http"
import type { Redis } from "effect/persistence"
import type { SocketServer } from "effect/socket"
import type { SqlClient } from "effect/sql"
import { createServer } from "node:http"

/** Runs the program, interrupts it on SIGINT and SIGTERM, and exits with its outcome. */
export const runMain = NodeRuntime.runMain

/** Files, paths, terminal, standard streams and child processes. */
export const services: Layer.Layer<NodeServices.NodeServices> = NodeServices.layer

/** The digests that message storage needs. */
export const digest = NodeCrypto.layerDigest

/**
 * An HTTP server with its file and etag services. At shutdown it stops accepting and waits for the
 * requests it has, `gracefulShutdown` at most (10 seconds).
 */
export const httpServer = (
  options: {
    readonly port: number
    readonly host?: string | undefined
    readonly gracefulShutdown?: Duration.Input | undefined
  }
) =>
  NodeHttpServer.layer(() => createServer(), {
    port: options.port,
    host: options.host ?? "127.0.0.1",
    gracefulShutdownTimeout: options.gracefulShutdown ?? "10 seconds"
  })

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

/** One of several core processes: a runner that the others reach over a socket. */
export const clusterSocket = (
  shardingConfig: Partial<ShardingConfig.ShardingConfig["Service"]>
): Layer.Layer<
  Sharding.Sharding | Runners.Runners | MessageStorage.MessageStorage,
  Config.ConfigError | SocketServer.SocketServerError,
  SqlClient.SqlClient
> => NodeClusterSocket.layer({ shardingConfig })
