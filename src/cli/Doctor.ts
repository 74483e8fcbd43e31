/** `guichet doctor`: says in sentences what is wrong with an installation before it is served. */
import { Console, Effect, Layer, Option, Schema } from "effect"
import { Command } from "effect/cli"
import { randomUUID } from "node:crypto"
import { filesLayer, publicUrl } from "../app/Foundation.ts"
import * as Database from "../Database.ts"
import { FileStore } from "../files/FileStore.ts"
import * as Migrations from "../Migrations.ts"
import { chosenGateway } from "../services/payments/PaymentServer.ts"
import { ServiceSecrets } from "../services/ServiceSecrets.ts"
import { SigningKeys } from "../tickets/SigningKeys.ts"
import { told } from "./Sentence.ts"

/** Something is marked ✗. */
class Unwell extends Schema.TaggedError<Unwell>()("Unwell", { message: Schema.String }) {}

const check = <E, R>(name: string, work: Effect.Effect<unknown, E, R>) =>
  work.pipe(
    Effect.matchEffect({
      onFailure: (error) => {
        const sentence = error instanceof Error && error.message !== "" ? error.message : String(error)
        return Effect.as(Console.log(`✗ ${name}: ${sentence}`), false)
      },
      onSuccess: () => Effect.as(Console.log(`✓ ${name}`), true)
    })
  )

/** A file that is put, read and taken away again. */
const probeFiles = Effect.gen(function* () {
  const files = yield* FileStore
  const key = `doctor/${randomUUID()}.txt`
  yield* files.put(key, new TextEncoder().encode("guichet doctor"), "text/plain")
  yield* Effect.ensuring(files.get(key), Effect.ignore(files.remove(key)))
  if (yield* files.exists(key)) {
    return yield* new Unwell({ message: "A file that was removed is still there." })
  }
})

const examine = Effect.gen(function* () {
  const server = Option.isSome(yield* Database.url)
  const results = [
    yield* check(
      server ? "PostgreSQL answers and its schema is this version's" : "The embedded database opens",
      Effect.provide(server ? Migrations.check : Effect.void, Database.layer)
    ),
    ...(server
      ? [
        yield* check("The service secrets are set", Layer.build(ServiceSecrets.layerConfig)),
        yield* check("The ticket signing key is set", Layer.build(SigningKeys.layerConfig))
      ]
      : []),
    yield* check("The file store takes, gives and forgets a file", Effect.provide(probeFiles, filesLayer)),
    yield* check("PUBLIC_URL is an address", publicUrl),
    yield* check("The payment gateway is chosen", chosenGateway)
  ]
  if (results.includes(false)) {
    return yield* new Unwell({ message: "Mend what is marked ✗, then run doctor again." })
  }
})

export const doctor = Command.make("doctor", {}, () => told(Effect.scoped(examine))).pipe(
  Command.withDescription("Check database, schema, secrets and configuration")
)
