/** pgbench of the peers' statement: what PostgreSQL alone can do, without a server before it. */
import { spawn, spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { admit, tables } from "../peers/PeerTables.ts"
import { checkStored, countStored, freshDatabase, sqlAt } from "./GateDatabase.ts"
import { codeSql } from "./GateTickets.ts"
import type { Figures } from "./GateSubject.ts"
import { median, percentile } from "./Numbers.ts"

/** pgbench with a database of its own. */
export interface Pgbench extends AsyncDisposable {
  readonly measure: (clients: number, seconds: number) => Promise<Figures>
  /** Fails unless every transaction admitted a ticket and logged it once. */
  readonly check: () => Promise<void>
}

/** Whether it is on the `PATH`. */
export const isInstalled = (): boolean => spawnSync("pgbench", ["--version"]).error === undefined

/** Each client takes the next number of its own row of tickets; variables outlive a transaction. */
const script = `\\set n :n + 1
\\set number :base + :n * :clients + :client_id
${
  admit({
    code: codeSql("1", ":number"),
    eventId: "1",
    scanId: "gen_random_uuid()::text",
    deviceId: "'scanner-uuid-12345'",
    operatorId: "'operator-123'",
    gate: "'A'",
    claimed: "'valid'",
    context: `'{"section":"VIP","coordinates":{"lat":48.8566,"lng":2.3522},"metadata":{"device_type":` +
      `"mobile_scanner","os_version":"iOS 15.0","app_version":"2.1.0","battery_level":85,"network_type":"wifi"}}'`,
    deviceTime: "'2025-06-15T10:30:00Z'::timestamptz",
    receivedAt: "now()"
  }).replaceAll(/\s+/g, " ")
};
`

const printed = (args: ReadonlyArray<string>): Promise<string> =>
  new Promise((resolve, reject) => {
    const child = spawn("pgbench", args, { stdio: ["ignore", "pipe", "inherit"] })
    let out = ""
    child.stdout.on("data", (chunk) => out += chunk)
    child.on("error", reject)
    child.on("exit", (code) =>
      code === 0 ? resolve(out) : reject(new Error(`pgbench ended with ${code}: ${out}`)))
  })

const latencies = (directory: string): ReadonlyArray<number> =>
  Fs.readdirSync(directory).flatMap((file) =>
    Fs.readFileSync(Path.join(directory, file), "utf8").trim().split("\n")
      .map((line) => Number(line.split(" ")[2]) / 1_000)
  )

const numberIn = (text: string, pattern: RegExp): number => Number(pattern.exec(text)?.[1])

/** Makes the database, with this many tickets. */
export const prepare = async (adminUrl: string, tickets: number): Promise<Pgbench> => {
  await using resources = new AsyncDisposableStack()
  const { url } = resources.use(await freshDatabase(adminUrl, "pgbench"))
  const sql = sqlAt(url)
  await sql(tables(tickets))
  const directory = Fs.mkdtempSync(Path.join(Os.tmpdir(), "guichet-bench-"))
  resources.defer(() => Fs.rmSync(directory, { recursive: true, force: true }))
  const file = Path.join(directory, "admit.sql")
  Fs.writeFileSync(file, script)

  let accepted = 0
  const measure = async (clients: number, seconds: number): Promise<Figures> => {
    const logs = Fs.mkdtempSync(Path.join(directory, "log-"))
    const [used] = await sql([`SELECT coalesce(max(ticket_id), 0)::int AS base FROM scans`])
    const { base } = used as { readonly base: number }
    const options = [
      ...["--no-vacuum", "--protocol", "prepared", "--file", file, "--jobs", "2"],
      ...["--client", String(clients), "--time", String(seconds)],
      ...["--define", "n=-1", "--define", `base=${base + 1}`, "--define", `clients=${clients}`],
      ...["--log", "--log-prefix", Path.join(logs, "log")]
    ]
    const out = await printed([...options, url])
    accepted += numberIn(out, /actually processed: (\d+)/)
    const times = latencies(logs)
    return {
      per_second: numberIn(out, /tps = ([\d.]+)/),
      p50: median(times),
      p99: percentile(times, 0.99)
    }
  }

  const kept = resources.move()
  return {
    measure,
    check: () => checkStored("pgbench", sql, countStored, accepted),
    [Symbol.asyncDispose]: () => kept.disposeAsync()
  }
}
