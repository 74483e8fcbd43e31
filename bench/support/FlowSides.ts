/** Who runs the documented flow in the bench: ours on both databases, another checkout of ours, the hand-written one. */
import { randomBytes } from "node:crypto"
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import process from "node:process"
import { pathToFileURL } from "node:url"
import * as OurClient from "./Client.ts"
import { sqlAt } from "./GateDatabase.ts"
import { startPeer } from "./Peers.ts"
import * as OurServer from "./Server.ts"

/** A side that is set up on a database of its own and may be started again and again. */
export interface Prepared {
  readonly token: string
  /** Through another address of the same database, if one is given. */
  readonly start: (databaseUrl?: string) => Promise<OurServer.Server>
  readonly makeClient: typeof OurClient.makeClient
  /** Called once it is stopped; fails unless everything that so many flows leave is there. */
  readonly check: (flows: number) => Promise<void>
  readonly clean: () => void
}

export interface Side {
  readonly name: string
  /** Embedded: the database is the program's own. */
  readonly embedded: boolean
  readonly prepare: (databaseUrl: string | undefined) => Promise<Prepared>
}

type ServerModule = typeof OurServer
type ClientModule = typeof OurClient

/** Guichet by its own way to start it; `started` wraps what starts a process. */
const guichet = async (
  { clean, environment, run, start }: Pick<ServerModule, "clean" | "environment" | "run" | "start">,
  makeClient: ClientModule["makeClient"],
  databaseUrl: string | undefined,
  started: <A>(begin: () => A) => A
): Promise<Prepared> => {
  const env = await environment(databaseUrl)
  if (databaseUrl !== undefined) await started(() => run(["migrate"], env))
  const token = await started(() =>
    run(["token", "create", "--role", "organizer", "--subject", "bench"], env)
  )
  return {
    token,
    start: (through = databaseUrl) =>
      started(() => start({ ...env, ...(through === undefined ? {} : { DATABASE_URL: through }) })),
    makeClient,
    // Its client fails on a flow that is not completed.
    check: async () => {},
    clean: () => clean(env)
  }
}

/** This checkout, on PostgreSQL or on the embedded database. */
export const ours = (embedded: boolean): Side => ({
  name: embedded ? "embedded" : "postgresql",
  embedded,
  prepare: (databaseUrl) => guichet(OurServer, OurClient.makeClient, databaseUrl, (begin) => begin())
})

/** Another checkout of Guichet, started and asked by its own `bench/support`, which expects to be run in its folder. */
export const otherCheckout = async (path: string): Promise<Side> => {
  const tree = resolve(path)
  const load = (file: string) => import(pathToFileURL(join(tree, "bench/support", file)).href)
  const server: ServerModule = await load("Server.ts")
  const { makeClient }: ClientModule = await load("Client.ts")
  const inTree = <A>(begin: () => A): A => {
    const here = process.cwd()
    process.chdir(tree)
    try {
      return begin()
    } finally {
      process.chdir(here)
    }
  }
  return {
    name: "base",
    embedded: false,
    prepare: (databaseUrl) => guichet(server, makeClient, databaseUrl, inTree)
  }
}

/** What a flow of the documented body leaves in the hand-written one's tables, and in its folders. */
const left = { messages: 7, reminders: 6, settled: 1, tickets: 2, documents: 5, outbox: 7 }

const countRows = `SELECT
  (SELECT count(*) FROM messages)::int AS messages,
  (SELECT count(*) FROM reminders)::int AS reminders,
  (SELECT count(*) FROM payments WHERE status = 'settled')::int AS settled,
  (SELECT count(*) FROM tickets WHERE status = 'issued')::int AS tickets`

/** The hand-written one: `bench/peers/flow/`. */
export const handwritten: Side = {
  name: "handwritten",
  embedded: false,
  prepare: (databaseUrl = "") => {
    const folder = mkdtempSync(join(tmpdir(), "handwritten-bench-"))
    const token = randomBytes(16).toString("hex")
    return Promise.resolve({
      token,
      start: (through = databaseUrl) =>
        startPeer("flow/HandwrittenFlow.ts", {
          DATABASE_URL: through,
          DATA_DIR: folder,
          API_KEY: token,
          NODE_ENV: "production"
        }),
      makeClient: OurClient.makeClient,
      check: async (flows) => {
        const [rows] = await sqlAt(databaseUrl)([countRows]) as ReadonlyArray<Record<string, number>>
        const files = (name: string) => readdirSync(join(folder, name)).length
        const found: Record<string, number> = {
          ...rows,
          documents: files("documents"),
          outbox: files("outbox")
        }
        const wrong = Object.entries(left).some(([name, each]) => found[name] !== each * flows)
        if (wrong) throw new Error(`handwritten: after ${flows} flows there are ${JSON.stringify(found)}`)
      },
      clean: () => rmSync(folder, { recursive: true, force: true })
    })
  }
}
