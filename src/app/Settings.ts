/** Every setting that a layer reads, by the very Configs it reads, so that `guichet doctor` refuses what a start would. */
import type { Effect } from "effect"
import * as Cluster from "../cluster/Cluster.ts"
import { runnerAddress } from "../cluster/RunnerSettings.ts"
import * as Database from "../database/Database.ts"
import { bucketConfig } from "../files/S3Bucket.ts"
import { requestDeadline } from "../http/Deadline.ts"
import { drainSeconds } from "../http/Drain.ts"
import { observabilitySettings } from "../telemetry/Observability.ts"
import {
  bounceAddress,
  clearText,
  dkimKey,
  mailSettings,
  outboxKept
} from "../services/notifications/MailSettings.ts"
import { smsKept } from "../services/notifications/SmsTransport.ts"
import { issuerIsNamed, issuerSettings } from "../payments/invoices/Issuer.ts"
import { chosenProvider } from "../services/payments/PaymentServer.ts"
import { ports, serviceTargets } from "../trust/ServiceName.ts"
import { trustedProxies } from "../limits/ClientAddress.ts"
import { limitRates, strangerRate } from "../limits/LimitClasses.ts"
import { mostStreams } from "../limits/Seats.ts"
import { threadCount } from "../durable/ThreadPool.ts"
import { orderSettings } from "../payments/PaymentKeeper.ts"
import { patienceSettings } from "../tickets/JobKeeper.ts"
import { publicUrl } from "./Foundation.ts"
import { redisLayer } from "./RedisServer.ts"
import { host } from "./Serve.ts"

/** Each fails alone; one that is not set has its default. */
export const settings: ReadonlyArray<Effect.Effect<unknown, unknown>> = [
  ...Object.values(ports),
  host,
  publicUrl,
  ...Object.values(serviceTargets).flatMap(({ variable: _variable, ...settings }) => Object.values(settings)),
  Database.url,
  Database.poolSize,
  Cluster.chosenMode,
  ...Object.values(runnerAddress),
  ...Object.values(observabilitySettings),
  drainSeconds,
  requestDeadline,
  bucketConfig,
  mailSettings,
  outboxKept,
  clearText,
  bounceAddress,
  dkimKey,
  smsKept,
  chosenProvider,
  ...Object.values(issuerSettings),
  issuerIsNamed,
  threadCount,
  ...Object.values(patienceSettings),
  ...Object.values(orderSettings),
  redisLayer,
  ...Object.values(limitRates),
  strangerRate,
  trustedProxies,
  mostStreams
]
