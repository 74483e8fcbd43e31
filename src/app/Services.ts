/** The four specialised services, each a set of routes over what it needs. */
import { Effect, Layer, Option, Redacted } from "effect"
import * as Database from "../database/Database.ts"
import { bucketVariables } from "../files/S3Bucket.ts"
import { observabilityVariables } from "../telemetry/Observability.ts"
import * as Platform from "../Platform.ts"
import { ProblemMiddleware } from "../http/ProblemMiddleware.ts"
import { EmailTransport } from "../services/notifications/EmailTransport.ts"
import { NotificationServerLayer } from "../services/notifications/NotificationServer.ts"
import * as Outbox from "../services/notifications/Outbox.ts"
import { SmsTransport } from "../services/notifications/SmsTransport.ts"
import { Templates } from "../services/notifications/Templates.ts"
import { PaymentServerLayer } from "../services/payments/PaymentServer.ts"
import { ScanServerLayer } from "../services/scans/ScanServer.ts"
import { ServiceAuth } from "../trust/ServiceAuth.ts"
import { ServiceSecrets } from "../trust/ServiceSecrets.ts"
import { CoreClient } from "../services/generator/CoreClient.ts"
import { GeneratorQueue } from "../services/generator/GeneratorQueue.ts"
import { GeneratorWorkerLayer } from "../services/generator/GeneratorWorker.ts"
import { moveLeftChunks } from "../services/generator/LeftChunks.ts"
import { queueTable } from "../services/generator/QueueNames.ts"
import { RenderPool } from "../services/generator/RenderPool.ts"
import { TicketRenderer } from "../services/generator/TicketRenderer.ts"
import { TicketServerLayer } from "../services/generator/TicketServer.ts"
import { publicUrl, serviceQueues } from "./Foundation.ts"
import { givenOf } from "./PrintThreads.ts"
import { redisLayer } from "./RedisServer.ts"

const guards = Layer.mergeAll(ProblemMiddleware.layer, ServiceAuth.layer)

/** Port 3002. */
export const NotificationsLayer = Layer.unwrap(Effect.map(
  Database.dataDirectory,
  (directory) =>
    Layer.merge(NotificationServerLayer, Outbox.sweeperLayer(directory)).pipe(
      Layer.provide([EmailTransport.layer(directory), SmsTransport.layer(directory), Templates.layer]),
      Layer.provide(guards)
    )
))

/** Port 3003. */
export const PaymentsLayer = PaymentServerLayer

/** What an earlier start left in a table that is not the queue's. */
const movedFrom = (tables: ReadonlyArray<string>) => Layer.effectDiscard(Effect.orDie(moveLeftChunks(tables)))

/** The generator's queue: on Redis when `REDIS_URL` is set, in SQL otherwise. */
export const queueLayer = Layer.unwrap(Effect.map(
  redisLayer,
  Option.match({
    onNone: () => movedFrom([serviceQueues]).pipe(Layer.provideMerge(Layer.orDie(GeneratorQueue.layerSql))),
    onSome: (redis) =>
      movedFrom([serviceQueues, queueTable]).pipe(
        Layer.provideMerge(GeneratorQueue.layerRedis.pipe(Layer.provide(redis)))
      )
  })
))

/** The settings of a render thread: where to store, how to link (not the secret that the key is derived from), and where telemetry goes. */
const threadSettings = Effect.gen(function* () {
  const secrets = yield* ServiceSecrets
  return {
    ...(yield* givenOf([...observabilityVariables, ...bucketVariables])),
    GUICHET_DATA: yield* Database.dataDirectory,
    PUBLIC_URL: yield* publicUrl,
    fileLinkKey: Redacted.value(secrets.derived("ticket-generator-service", "file-link.v2").signing)
  }
})

const renderPoolLayer = Layer.unwrap(Effect.map(
  threadSettings,
  (settings) =>
    RenderPool.layerThreads(
      Platform.threads(new URL("../services/generator/RenderThread.ts", import.meta.url), settings)
    )
)).pipe(Layer.provide(TicketRenderer.layer))

/** Port 3004, with its workers. */
export const TicketsLayer = Layer.merge(TicketServerLayer.pipe(Layer.provide(guards)), GeneratorWorkerLayer)
  .pipe(
    Layer.provide([queueLayer, CoreClient.layer, renderPoolLayer])
  )

/** Port 3005. */
export const ScansLayer = ScanServerLayer
