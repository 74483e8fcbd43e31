/** `guichet doctor`: says in sentences what is wrong with an installation before it is served. */
import { Console, Effect, Layer, Option, References, Schema } from "effect"
import { Command } from "effect/cli"
import { randomUUID } from "node:crypto"
import { filesLayer } from "../app/Foundation.ts"
import { redisLayer } from "../app/RedisServer.ts"
import { settings } from "../app/Settings.ts"
import * as Database from "../database/Database.ts"
import { isInUse } from "../database/DatabaseError.ts"
import { checkServer } from "../database/ServerChecks.ts"
import { checkClock, checkConnections } from "../database/ServerLimits.ts"
import { FileStore } from "../files/FileStore.ts"
import * as Migrations from "../database/Migrations.ts"
import { mailSettings } from "../services/notifications/MailSettings.ts"
import { smsKept } from "../services/notifications/SmsTransport.ts"
import { subscription } from "../services/payments/stripe/StripeSubscription.ts"
import { ServiceSecrets } from "../trust/ServiceSecrets.ts"
import { SigningKeys } from "../trust/SigningKeys.ts"
import * as Platform from "../Platform.ts"
import { checkDirectory, checkMail, runnerUnreached, servicesAway } from "./Surroundings.ts"
import { reportFailure, sentenceOf } from "./Sentence.ts"

/** At least one check failed: its line begins with ✗. */
class CheckFailed extends Schema.TaggedError<CheckFailed>()("CheckFailed", { message: Schema.String }) {}

const check = <E, R>(name: string, work: Effect.Effect<unknown, E, R>) =>
  work.pipe(
    Effect.matchEffect({
      onFailure: (error) =>
        isInUse(error)
          ? Effect.as(Console.log(`– ${name}: not looked at. ${sentenceOf(error)}`), true)
          : Effect.as(Console.log(`✗ ${name}: ${sentenceOf(error)}`), false),
      onSuccess: () => Effect.as(Console.log(`✓ ${name}`), true)
    })
  )

/** One line for all settings that are right, one for each that is wrong. */
const checkSettings = Effect.gen(function* () {
  const [, wrong] = yield* Effect.partition(settings, (setting) => Effect.asVoid(setting))
  const sentences = new Set(wrong.map(sentenceOf))
  if (sentences.size === 0) yield* Console.log("✓ The settings can be used")
  for (const sentence of sentences) yield* Console.log(`✗ ${sentence}`)
  return sentences.size === 0
})

/** Messages that reach nobody: nothing is wrong with that, but whoever installs knows it before the guests do. */
const printUnsent = Effect.gen(function* () {
  if (Option.isNone((yield* mailSettings).smtp)) {
    yield* Console.log("– E-mails are files in the outbox: SMTP_URL sends them")
  }
  yield* Console.log(
    (yield* smsKept)
      ? "– SMS are files in the outbox: this version has no provider that sends them"
      : "– SMS are skipped: no SMS provider is configured"
  )
})

/** A file that is put, read and taken away again. */
const probeFiles = Effect.gen(function* () {
  const files = yield* FileStore
  const key = `doctor/${randomUUID()}.txt`
  yield* files.put(key, new TextEncoder().encode("guichet doctor"), "text/plain")
  yield* Effect.ensuring(files.get(key), Effect.ignore(files.remove(key)))
  if (yield* files.exists(key)) {
    return yield* new CheckFailed({ message: "A file that was removed is still there." })
  }
})

/** Once PostgreSQL answers and can be used, what it gives this installation. */
const examineDatabase = Effect.fnUntraced(function* (server: boolean) {
  if (!server) {
    return [yield* check("The embedded database opens", Effect.provide(Effect.void, Database.layer))]
  }
  const first = yield* check(
    "PostgreSQL answers, can be used and its schema is this version's",
    Effect.provide(Effect.andThen(checkServer, Migrations.check), Database.layer)
  )
  if (!first) return [first]
  const pool = yield* Effect.orElseSucceed(Database.poolSize, () => 0)
  return [
    first,
    ...yield* Effect.provide(
      Effect.all([
        check("PostgreSQL has connections enough for the pool", checkConnections(pool)),
        check("The clocks of this machine and of PostgreSQL agree", checkClock)
      ]),
      Layer.orDie(Database.layer)
    )
  ]
})

const examine = Effect.gen(function* () {
  const server = Option.isSome(yield* Database.url)
  const directory = yield* Database.dataDirectory
  const results = [
    yield* checkSettings,
    yield* check("The data directory can be written and has room", checkDirectory(directory)),
    ...yield* examineDatabase(server),
    yield* check(
      "The service secrets can be used",
      Layer.build(server ? ServiceSecrets.layerConfig : ServiceSecrets.layerFile(directory))
    ),
    yield* check(
      "The ticket signing key can be used",
      Layer.build(server ? SigningKeys.layerConfig : SigningKeys.layerFile(directory))
    ),
    yield* check("The file store takes, gives and forgets a file", Effect.provide(probeFiles, filesLayer))
  ]
  const redis = yield* Effect.option(redisLayer)
  if (Option.isSome(redis) && Option.isSome(redis.value)) {
    const quietly = Effect.provideService(Layer.build(redis.value.value), References.MinimumLogLevel, "None")
    results.push(yield* check("Redis answers", quietly))
  }
  if (results[0]) {
    const subscribed = yield* subscription
    if (Option.isSome(subscribed)) {
      results.push(yield* check("Stripe sends every event that decides a payment", subscribed.value))
    }
    const mail = yield* checkMail
    if (Option.isSome(mail)) results.push(yield* check("The mail server answers", mail.value))
    yield* printUnsent
    for (
      const sentence of [
        ...yield* Effect.provide(servicesAway, Platform.httpClient),
        ...yield* runnerUnreached
      ]
    ) {
      yield* Console.log(`– ${sentence}`)
    }
  }
  if (results.includes(false)) {
    return yield* new CheckFailed({ message: "Mend what is marked ✗, then run doctor again." })
  }
})

export const doctor = Command.make("doctor", {}, () => reportFailure(Effect.scoped(examine))).pipe(
  Command.withDescription("Check database, schema, secrets and configuration")
)
