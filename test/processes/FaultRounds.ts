/**
 * Faults of PostgreSQL in rounds, under a mixed load with payments: `deno task faults --rounds 10 --seed 7 --lock 60`. A
 * server of its own with its data on a small disk, `guichet serve` in front of it; each round injects each fault once, in
 * an order that the seed gives, and in the end SQL says whether all that was acknowledged is there once.
 */
import { Effect, Layer, Random, Redacted } from "effect"
import { SqlClient } from "effect/sql"
import { spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import process from "node:process"
import { parseArgs } from "node:util"
import * as Database from "../../src/database/Database.ts"
import { isTransient } from "../../src/database/TransientFault.ts"
import { SigningKeys } from "../../src/trust/SigningKeys.ts"
import { TokenStore } from "../../src/store/TokenStore.ts"
import { startProgram } from "../support/ChildProgram.ts"
import { type Acknowledged, audit, bear } from "../support/FaultLoad.ts"
import { GateStores, publish } from "../support/GateFixture.ts"
import { hasPostgres, type OwnPostgres, ownPostgres } from "../support/OwnPostgres.ts"
import { freePortVariables, serve, temporaryDirectory } from "../support/Served.ts"
import { secrets } from "../support/TestApp.ts"
import { urlOf } from "../support/TestDatabase.ts"
import { noLimits } from "../support/Unlimited.ts"

const { values: given } = parseArgs({
  options: {
    rounds: { type: "string", default: "1" },
    seed: { type: "string", default: String(Date.now() % 100_000) },
    lock: { type: "string", default: "60" },
    only: { type: "string", default: "" }
  }
})

const say = (text: string) => Effect.sync(() => void process.stdout.write(`${text}\n`))

/** The role that Guichet is, which has no right to the connections that are kept for operators. */
const role = "guichet"

interface Server {
  readonly postgres: OwnPostgres
  /** Statements of the operator, each on a session of its own. */
  readonly operate: (...statements: ReadonlyArray<string>) => Effect.Effect<void>
  /** Where the server's data is, when that is a disk of its own. */
  readonly disk: string | undefined
}

const ends = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '${role}'`

const readOnly = (value: "on" | "off") => [
  "SET default_transaction_read_only = off",
  `ALTER SYSTEM SET default_transaction_read_only = ${value}`,
  "SELECT pg_reload_conf()"
]

const lockFor = (seconds: number) =>
  `DO $$ BEGIN LOCK TABLE tickets, scans, payments, flows, webhook_deliveries IN ACCESS EXCLUSIVE MODE;
    PERFORM pg_sleep(${seconds}); END $$`

/** What goes wrong, and for how long. */
const faults: Readonly<Record<string, (server: Server) => Effect.Effect<void>>> = {
  "killed and started again": ({ postgres }) =>
    Effect.andThen(postgres.die, Effect.andThen(Effect.sleep("2 seconds"), postgres.rise)),
  "read-only for moments": ({ operate }) =>
    Effect.repeat(
      operate(...readOnly("on")).pipe(
        Effect.andThen(Effect.sleep("700 millis")),
        Effect.andThen(operate(...readOnly("off"))),
        Effect.andThen(Effect.sleep("1 second"))
      ),
      { times: 4 }
    ),
  "out of connections": ({ operate }) =>
    operate(`ALTER ROLE ${role} CONNECTION LIMIT 1`, ends).pipe(
      Effect.andThen(Effect.sleep("5 seconds")),
      Effect.andThen(operate(`ALTER ROLE ${role} CONNECTION LIMIT -1`))
    ),
  "all sessions terminated": ({ operate }) =>
    Effect.repeat(Effect.andThen(operate(ends), Effect.sleep("1 second")), { times: 2 }),
  "a lock held": ({ operate }) => operate(lockFor(Number(given.lock))),
  "out of disk": ({ disk, operate, postgres }) =>
    disk === undefined ? say("  (no disk of its own could be mounted)") : Effect.gen(function* () {
      const ballast = `${disk}/ballast`
      spawnSync("dd", ["if=/dev/zero", `of=${ballast}`, "bs=1M"], { stdio: "ignore" })
      yield* Effect.sleep("5 seconds")
      Fs.rmSync(ballast)
      const isUp = yield* Effect.option(Effect.catchDefect(operate("SELECT 1"), Effect.fail))
      if (isUp._tag === "None") {
        yield* postgres.die
        yield* postgres.rise
      }
    })
}

const ofOperator = (url: string) => (...statements: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const session = yield* sql.reserve
    for (const statement of statements) yield* session.executeUnprepared(statement, [], undefined)
  }).pipe(
    Effect.scoped,
    Effect.provide(Layer.fresh(Database.layerPostgres({ url: Redacted.make(url), maxConnections: 1 }))),
    // The one that a deadlock ends may be the operator.
    Effect.retry({ while: isTransient, times: 5 }),
    Effect.orDie
  )

/** A small disk in memory for the server's data, where mounting is allowed. */
const ownDisk = Effect.gen(function* () {
  const directory = yield* temporaryDirectory
  const mounted = yield* Effect.acquireRelease(
    Effect.sync(() =>
      spawnSync("mount", ["-t", "tmpfs", "-o", "size=400m", "tmpfs", directory]).status === 0
    ),
    (mounted) => Effect.sync(() => mounted && spawnSync("umount", ["-l", directory]))
  )
  return mounted ? directory : undefined
})

const install = (url: string) =>
  Effect.gen(function* () {
    const tickets = yield* publish(1, 1_000)
    const made = yield* (yield* TokenStore).create({ role: "admin", subject: "organizer-1" })
    return { codes: tickets.map(({ code }) => code), token: Redacted.value(made.token) }
  }).pipe(
    Effect.provide(
      Layer.fresh(
        Layer.merge(GateStores, TokenStore.layer).pipe(
          Layer.provideMerge(SigningKeys.layerMemory),
          Layer.provideMerge(Database.layerPostgres({ url: Redacted.make(url), maxConnections: 2 }))
        )
      )
    )
  )

const untilEnded = (url: string, acknowledged: Acknowledged) =>
  Effect.gen(function* () {
    for (let seconds = 0; seconds < 300; seconds += 2) {
      const wrong = yield* audit(acknowledged)
      if (wrong.length === 0) return wrong
      yield* Effect.sleep("2 seconds")
    }
    return yield* audit(acknowledged)
  }).pipe(
    Effect.provide(Layer.fresh(Database.layerPostgres({ url: Redacted.make(url), maxConnections: 2 })))
  )

const program = Effect.gen(function* () {
  if (!hasPostgres()) return 0
  const disk = yield* ownDisk
  if (disk !== undefined) process.env.TMPDIR = disk
  const postgres = yield* ownPostgres
  if (disk !== undefined) delete process.env.TMPDIR
  const operate = ofOperator(postgres.url)
  yield* operate(`CREATE ROLE ${role} LOGIN`, `CREATE DATABASE ${role} OWNER ${role}`)
  const url = urlOf(postgres.url, role).replace("//postgres@", `//${role}@`)
  const directory = yield* temporaryDirectory
  const installed = secrets()
  const { REQUEST_DEADLINE: _, ...unlimited } = noLimits
  const env = {
    ...(yield* freePortVariables),
    ...unlimited,
    ...installed,
    GUICHET_DATA: directory,
    DATABASE_URL: url,
    LOG_LEVEL: "error"
  }
  const migrated = yield* startProgram("src/main.ts", ["migrate"], env)
  if ((yield* migrated.exit) !== 0) return yield* Effect.die(migrated.lines.join("\n"))
  const { codes, token } = yield* install(url)
  const served = yield* serve({ ...env, LOG_LEVEL: "info" })
  const acknowledged: Acknowledged = {
    scans: new Map(),
    webhooks: new Set(),
    flows: new Set(),
    refusals: 0,
    longest: 0
  }
  const load = {
    core: served.core,
    token,
    codes,
    paymentSecret: Redacted.make(installed.PAYMENT_SERVICE_SECRET)
  }
  const bearing = yield* Effect.forkChild(bear(load, acknowledged))
  yield* Effect.sleep("5 seconds")
  const server: Server = { postgres, operate: ofOperator(urlOf(postgres.url, role)), disk }
  const names = Object.keys(faults).filter((name) => name.includes(given.only))
  for (let round = 1; round <= Number(given.rounds); round++) {
    for (const name of yield* Random.shuffle(names)) {
      yield* say(`round ${round}: ${name}`)
      acknowledged.longest = 0
      yield* faults[name]!(server)
      yield* Effect.sleep("3 seconds")
      const { flows, longest, refusals, scans, webhooks } = acknowledged
      yield* say(
        `  ${scans.size} scans, ${webhooks.size} webhooks, ${flows.size} flows acknowledged; ` +
          `${refusals} told to come again; longest answer ${longest} ms`
      )
    }
  }
  bearing.interruptUnsafe()
  const wrong = yield* untilEnded(url, acknowledged)
  for (const sentence of wrong) yield* say(`WRONG ${sentence}`)
  const errors = new Map<string, number>()
  for (const line of served.child.lines.filter((line) => line.includes('"level":"ERROR"'))) {
    const said = line.slice(0, 160)
    errors.set(said, (errors.get(said) ?? 0) + 1)
  }
  for (const [said, times] of errors) yield* say(`  logged as an error ${times} times: ${said}`)
  yield* say(
    wrong.length === 0 ? "Everything that was acknowledged is there once." : "Not everything is right."
  )
  return wrong.length
})

await Effect.runPromise(
  say(`seed ${given.seed}, ${given.rounds} rounds`).pipe(
    Effect.andThen(Effect.scoped(program)),
    Random.withSeed(given.seed),
    Effect.map((faults) => {
      process.exitCode = faults === 0 ? 0 : 1
    })
  )
)
