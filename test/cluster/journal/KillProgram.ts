/** Begins all flows, or goes on with them, and lets each pass its wait; runs until it is killed: `ENGINE URL FLOWS LIFE`. */
import { Effect, Layer, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { DurableDeferred } from "effect/workflow"
import process from "node:process"
import * as Database from "../../../src/database/Database.ts"
import { stock } from "../mailbox/MailboxSubjects.ts"
import { journalRunner, oneRunner } from "../mailbox/OneRunner.ts"
import { Go, KillFlow, killFlowLayer } from "./KillFlow.ts"

const [engine = "", url = "", flows = "", life = ""] = process.argv.slice(2)

const one = (id: string) =>
  Effect.gen(function* () {
    const executionId = yield* KillFlow.execute({ id }, { discard: true })
    const token = DurableDeferred.tokenFromExecutionId(Go, { workflow: KillFlow, executionId })
    yield* DurableDeferred.succeed(Go, { token, value: 100 })
  })

const program = Effect.gen(function* () {
  yield* SqlClient.SqlClient
  process.stdout.write("ready\n")
  yield* Effect.forEach(Array.from({ length: Number(flows) }, (_, nth) => `kill ${nth}`), one, {
    concurrency: 16,
    discard: true
  })
  yield* Effect.never
})

const entities = killFlowLayer(Number(life))

const live =
  (engine === "stock" ? oneRunner(entities, stock, "100 millis") : journalRunner(entities, "100 millis"))
    .pipe(
      Layer.provideMerge(Database.layerPostgres({ url: Redacted.make(url), maxConnections: 10 }))
    )

Effect.runPromise(Effect.provide(program, live)).catch((error) => {
  process.stderr.write(`${String(error)}\n`)
  process.exit(1)
})
