/** The gates that are measured: ours and the peers', each a process with a database of its own. */
import { spawn } from "node:child_process"
import process from "node:process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { tables } from "../peers/PeerTables.ts"
import {
  checkStored,
  countStored,
  countStoredByGuichet,
  freshDatabase,
  seed,
  sqlAt,
  sqlEmbedded
} from "./GateDatabase.ts"
import { clean, environment, run, start } from "./Server.ts"

/** A running gate, gone with its database when it is disposed of. */
export interface Gate extends AsyncDisposable {
  readonly url: string
  readonly token: string
  /** Stops the gate; fails unless it stored exactly this many scans, and each once. */
  readonly check: (accepted: number) => Promise<void>
}

/** A gate that can be stopped and started again on the same data and address. */
export interface PausingGate extends Gate {
  readonly pause: () => Promise<void>
  readonly resume: () => Promise<void>
}

/** Guichet with these events, on the database of a URL or on the embedded one. */
const guichet = async (
  name: string,
  databaseUrl: string | undefined,
  events: ReadonlyArray<number>
): Promise<PausingGate> => {
  await using resources = new AsyncDisposableStack()
  const env = await environment(databaseUrl)
  resources.defer(() => clean(env))
  const sql = databaseUrl === undefined ? sqlEmbedded(env.GUICHET_DATA ?? "") : sqlAt(databaseUrl)
  await run(["migrate"], env)
  const token = await run([
    "token",
    "create",
    "--role",
    "operator",
    "--subject",
    "bench",
    "--organizer",
    "bench"
  ], env)
  await sql(seed(events))
  let server = await start(env)
  const pause = () => server.stop()
  resources.defer(pause)
  const kept = resources.move()
  return {
    url: server.url,
    token,
    check: async (accepted) => {
      await pause()
      await checkStored(name, sql, countStoredByGuichet, accepted)
    },
    pause,
    resume: async () => {
      server = await start(env)
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync()
  }
}

/** Guichet on the embedded database; idle, it still takes a quarter of a processor, so pause it beside others. */
export const embedded = (events: ReadonlyArray<number>): Promise<PausingGate> =>
  guichet("embedded", undefined, events)

/** Guichet on PostgreSQL. */
export const onPostgres = async (adminUrl: string, events: ReadonlyArray<number>): Promise<Gate> => {
  await using resources = new AsyncDisposableStack()
  const url = resources.use(await freshDatabase(adminUrl, "ours")).url
  const gate = resources.use(await guichet("postgresql", url, events))
  const kept = resources.move()
  return { ...gate, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

/** Fastify and `pg` on PostgreSQL: one statement a scan, or a transaction. */
export const fastify = async (
  adminUrl: string,
  mode: "cte" | "transaction",
  tickets: number
): Promise<Gate> => {
  await using resources = new AsyncDisposableStack()
  const { url } = resources.use(await freshDatabase(adminUrl, mode))
  const sql = sqlAt(url)
  await sql(tables(tickets))
  const program = fileURLToPath(new URL("../peers/FastifyGate.ts", import.meta.url))
  const child = spawn(process.execPath, ["run", "-A", program, mode], {
    env: { ...process.env, DATABASE_URL: url },
    stdio: ["ignore", "pipe", "inherit"]
  })
  resources.defer(() => void child.kill("SIGTERM"))
  const address = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next()
  if (address.done) throw new Error("The Fastify gate ended")
  const kept = resources.move()
  return {
    url: address.value,
    token: "none",
    check: (accepted) => checkStored(`fastify ${mode}`, sql, countStored, accepted),
    [Symbol.asyncDispose]: () => kept.disposeAsync()
  }
}
