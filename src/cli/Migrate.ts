/** `guichet migrate`: brings the schema of the chosen database to this version. */
import { Console, Effect } from "effect"
import { Command } from "effect/cli"
import * as Database from "../database/Database.ts"
import * as Migrations from "../database/Migrations.ts"
import { checkServer } from "../database/ServerChecks.ts"
import { reportFailure } from "./Sentence.ts"

const run = Effect.gen(function* () {
  if (!(yield* Database.isEmbedded)) yield* checkServer
  const applied = yield* Migrations.run
  if (applied.length === 0) yield* Console.log("The schema is up to date.")
  for (const [id, name] of applied) yield* Console.log(`Applied ${String(id).padStart(4, "0")}_${name}`)
})

export const migrate = Command.make("migrate", {}, () => reportFailure(Effect.provide(run, Database.layer)))
  .pipe(
    Command.withDescription("Bring the database schema to this version")
  )
