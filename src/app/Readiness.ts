/** Why a process, the core or a service, must not be sent requests: what it stands on does not do its work. */
import { Effect, FileSystem, Layer, Option } from "effect"
import { SqlClient } from "effect/sql"
import * as Path from "node:path"
import * as Database from "../database/Database.ts"
import { bucketConfig } from "../files/S3Bucket.ts"
import { ProcessFault } from "../http/Health.ts"
import { type HeldLately, LoopHeld } from "../telemetry/LoopWatch.ts"

/** So large a part of the last seconds the loop may be held by single pieces of work. */
const largestPart = 0.8

/** Why a loop that was held so long is a reason; undefined where it is none. */
export const loopFault = ({ milliseconds, of }: HeldLately): string | undefined =>
  milliseconds < largestPart * of
    ? undefined
    : `Single pieces of work have held the event loop for ${Math.round(milliseconds / 1_000)} of the last ` +
      `${Math.round(of / 1_000)} seconds: the log names them.`

/** The database answers a session that may only read: a standby, or one that was set so when its disk was full. */
export const databaseFault = Effect.gen(function* () {
  const sql = (yield* SqlClient.SqlClient).withoutTransforms()
  const [row] = yield* sql<{ readonly may: boolean }>`
    SELECT NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off' AS may`
  return row?.may === false
    ? "The database takes no writes: it is a standby, or was set to read only. Nothing can be accepted."
    : undefined
}).pipe(
  Effect.timeoutOption("2 seconds"),
  Effect.map(Option.getOrElse(() => "The database does not say within two seconds whether it takes writes.")),
  Effect.orElseSucceed(() => "The database does not say whether it takes writes."),
  Effect.withTracerEnabled(false)
)

/** What is written to learn whether there is room: as much as a block of a disk. */
const block = new Uint8Array(4_096)

/** Files in a folder: a block is written there and removed. Whether a bucket is full, nobody is told before a file is. */
export const filesFault = (folder: string) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const probe = Path.join(folder, ".room")
    yield* fs.writeFile(probe, block)
    yield* fs.remove(probe, { force: true })
    return undefined
  }).pipe(
    Effect.timeout("2 seconds"),
    Effect.catch((error) =>
      Effect.succeed(
        `The folder of files takes no more of them (${
          error._tag === "PlatformError" ? error.reason._tag : error._tag
        }): ` +
          "it is full, away, or not to be written."
      )
    )
  )

/** Of a core and of each service. */
export const ReadinessLayer = Layer.effect(
  ProcessFault,
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const fs = yield* FileSystem.FileSystem
    const held = yield* LoopHeld
    const bucket = yield* bucketConfig
    const folder = Path.join(yield* Database.dataDirectory, "files")
    const faults = [
      Effect.sync(() => loopFault(held())),
      Effect.provideService(databaseFault, SqlClient.SqlClient, sql),
      ...(Option.isSome(bucket) ? [] : [Effect.provideService(filesFault(folder), FileSystem.FileSystem, fs)])
    ]
    return Effect.gen(function* () {
      for (const fault of faults) {
        const why = yield* fault
        if (why !== undefined) return why
      }
      return undefined
    })
  })
)
