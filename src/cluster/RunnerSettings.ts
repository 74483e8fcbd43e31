/** Where a runner is reached and how it is trusted, as the environment says it. */
import { Config, Effect, FileSystem, Option, Redacted, Schema } from "effect"
import { derivedKeys } from "../trust/DerivedKey.ts"
import { optionalSecrets, ServiceSecrets } from "../trust/ServiceSecrets.ts"
import type { RunnerTrust } from "./RunnerTransport.ts"
import { isLoopback } from "../trust/LoopbackHost.ts"

/** The settings of a runner do not go together; `message` says what to set. */
export class RunnerMisconfigured
  extends Schema.TaggedError<RunnerMisconfigured>()("RunnerMisconfigured", { message: Schema.String }) {}

/** Where the other runners reach this one. */
export const runnerAddress = {
  host: Config.withDefault(Config.NonEmptyString("GUICHET_RUNNER_HOST"), "127.0.0.1"),
  port: Config.withDefault(Config.Port("GUICHET_RUNNER_PORT"), 34431)
}

const file = (variable: string) =>
  Config.map(Config.option(Config.String(variable)), Option.filter((path) => path !== ""))

const tlsFiles = {
  cert: file("GUICHET_RUNNER_TLS_CERT"),
  key: file("GUICHET_RUNNER_TLS_KEY"),
  ca: file("GUICHET_RUNNER_TLS_CA")
}

const halfTls = new RunnerMisconfigured({
  message:
    "Set GUICHET_RUNNER_TLS_CERT, GUICHET_RUNNER_TLS_KEY and GUICHET_RUNNER_TLS_CA to PEM files, or none."
})

/** The files of TLS: all three, or none. */
export const runnerTlsFiles = Effect.gen(function* () {
  const { ca, cert, key } = yield* Config.all(tlsFiles)
  const files = Option.all({ ca, cert, key })
  if (Option.isNone(files) && [ca, cert, key].some(Option.isSome)) return yield* halfTls
  return files
})

const unsecret = new RunnerMisconfigured({
  message:
    "GUICHET_RUNNER_HOST can be reached from other machines: set GUICHET_CLUSTER_SECRET to one random secret " +
    "on every runner (openssl rand -base64 32 makes one), or leave the host at 127.0.0.1."
})

/** The secret of the cluster, which a runner that other machines can reach must have. */
export const clusterSecret = Effect.gen(function* () {
  const secrets = yield* optionalSecrets("GUICHET_CLUSTER_SECRET")
  if (Option.isNone(secrets) && !isLoopback(yield* runnerAddress.host)) return yield* unsecret
  return secrets
})

/** What a runner proves with; on loopback alone the core's own secret will do, which all cores of a machine share. */
export const runnerTrust = Effect.gen(function* () {
  const given = yield* clusterSecret
  const files = yield* runnerTlsFiles
  const fs = yield* FileSystem.FileSystem
  const tls = yield* Effect.transposeOption(Option.map(files, ({ ca, cert, key }) =>
    Effect.all({
      ca: fs.readFileString(ca),
      cert: fs.readFileString(cert),
      key: Effect.map(fs.readFileString(key), Redacted.make)
    })))
  const keys = Option.isSome(given)
    ? derivedKeys(given.value, "cluster.v1")
    : (yield* ServiceSecrets).derived("event-planner-core", "cluster.v1")
  return { keys, tls: Option.getOrUndefined(tls) } satisfies RunnerTrust
})
