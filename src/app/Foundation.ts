/** What every process stands on: database, secrets, files, and the way to the other services. */
import { Config, Effect, Layer, Option, Schema } from "effect"
import { PersistedQueue } from "effect/persistence"
import * as Database from "../database/Database.ts"
import { FileLinks } from "../files/FileLinks.ts"
import { TicketLinks } from "../files/TicketLinks.ts"
import { FileStore } from "../files/FileStore.ts"
import { FastPathRegistry } from "../FastPath.ts"
import * as Migrations from "../database/Migrations.ts"
import { checkServer } from "../database/ServerChecks.ts"
import { Fonts } from "../print/pdf/Fonts.ts"
import * as Platform from "../Platform.ts"
import { Loopback } from "../trust/Loopback.ts"
import { queueLocks } from "../durable/QueueLocks.ts"
import { ServiceTransport } from "../trust/ServiceTransport.ts"
import { urlOr } from "../trust/ServiceName.ts"
import { ServiceSecrets } from "../trust/ServiceSecrets.ts"
import * as KeyValues from "../store/KeyValues.ts"
import { SigningKeys } from "../trust/SigningKeys.ts"

/** Where people reach the core; links in messages start with it. */
export const publicUrl = urlOr(
  Config.schema(
    Schema.String.check(
      Schema.isPattern(/^https?:\/\/[^\s/]+/, { message: "Expected a URL such as https://tickets.example" })
    ),
    "PUBLIC_URL"
  ),
  "core",
  ""
)

/** The embedded database is migrated at start; PostgreSQL by `guichet migrate`, and looked at here. */
const schema = Layer.effectDiscard(
  Effect.flatMap(
    Database.isEmbedded,
    (embedded) => embedded ? Effect.asVoid(Migrations.run) : Effect.andThen(checkServer, Migrations.check)
  )
)

export const databaseLayer = Layer.provideMerge(schema, Database.layer)

/** Given secrets with PostgreSQL; with the embedded database those that are missing are made and kept beside it. */
const secretsLayer = Layer.unwrap(Effect.gen(function* () {
  const directory = yield* Database.dataDirectory
  const given = Layer.merge(ServiceSecrets.layerConfig, SigningKeys.layerConfig)
  const kept = Layer.merge(ServiceSecrets.layerFile(directory), SigningKeys.layerFile(directory))
  const chosen: Layer.Layer<
    ServiceSecrets | SigningKeys,
    Layer.Error<typeof given> | Layer.Error<typeof kept>,
    Layer.Services<typeof kept>
  > = Option.isSome(yield* Database.url) ? given : kept
  return chosen
}))

/** The folder `files` of the data directory, or the bucket that `FILES_S3_…` names. */
export const filesLayer = Layer.unwrap(Effect.map(
  Database.dataDirectory,
  (directory) => FileStore.layerConfig(`${directory}/files`)
)).pipe(Layer.provide(Platform.httpClient))

const linksLayer = Layer.unwrap(Effect.gen(function* () {
  const secrets = yield* ServiceSecrets
  const { signing } = secrets.derived("ticket-generator-service", "file-link.v2")
  const baseUrl = yield* publicUrl
  return Layer.merge(
    FileLinks.layer({ baseUrl, secret: signing }),
    TicketLinks.layer({ baseUrl, ...secrets.derived("ticket-generator-service", "ticket-page.v1") })
  )
}))

/** The table of the services' queues, the generator's apart. */
export const serviceQueues = "guichet_queue"

/** How long a service's queue knows what is done, and keeps what failed for good. */
const queueKept = { timeToLive: "31 days", failedTimeToLive: "31 days" } as const

/** Queues and small tables of the services, in SQL. */
const persistenceLayer = Layer.merge(
  KeyValues.layer,
  Layer.merge(PersistedQueue.layer, PersistedQueue.layerCleanup(queueKept)).pipe(
    Layer.provide(PersistedQueue.layerStoreSql({ tableName: serviceQueues, ...queueLocks }))
  )
)

const transportLayer = ServiceTransport.layer.pipe(
  Layer.provideMerge(Layer.merge(Loopback.layer, FastPathRegistry.layer))
)

/** All of it. */
export const FoundationLayer = Layer.mergeAll(transportLayer, linksLayer, persistenceLayer, Fonts.layer).pipe(
  Layer.provideMerge(Layer.mergeAll(filesLayer, secretsLayer, databaseLayer, Platform.httpClient)),
  Layer.provideMerge(Platform.services)
)
