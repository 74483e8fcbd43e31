/**
 * Two runners on two hosts share an installation, and refuse a third that does not prove itself. With `TWO_HOSTS=1`, as
 * root on Linux: the hosts are network namespaces. The database is reached through its socket's folder (`PGHOST`,
 * `/var/run/postgresql`), since no host of theirs has one.
 * The guards of the handshake are removed in test/cluster/RunnerTransport.test.ts; here their network is a real one.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFile } from "node:child_process"
import { randomBytes } from "node:crypto"
import process from "node:process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { startCommand } from "../support/ChildCommand.ts"
import { type Host, hosts } from "../support/Hosts.ts"
import { flowBody, type Installation, postgres } from "../support/Installation.ts"
import { gaugeIn } from "../support/ServedRunners.ts"
import { serverUrl } from "../support/TestDatabase.ts"

const isAsked = process.env["TWO_HOSTS"] !== undefined && serverUrl !== undefined

const sockets = process.env["PGHOST"] ?? "/var/run/postgresql"

const root = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url))

const runnerPort = "34431"

const run = promisify(execFile)

/** A program of ours on a host, to its end. */
const said = ({ on }: Host, command: string, ...args: ReadonlyArray<string>) =>
  Effect.promise(async () => {
    const [first, ...rest] = on(command, ...args)
    return (await run(first, rest)).stdout.trim()
  })

/** A request to the core of a host, from that host. */
const ask = (host: Host, token: string, path: string, body?: object) =>
  Effect.map(
    said(
      host,
      "curl",
      ...["-s", "-m", "60", "-H", `authorization: Bearer ${token}`, "-H", "content-type: application/json"],
      ...(body === undefined ? [] : ["-d", JSON.stringify(body)]),
      `http://127.0.0.1:3001${path}`
    ),
    (text) => JSON.parse(text)
  )

/** `guichet serve` there, on the folder of files that both hosts have. */
const serveOn = Effect.fnUntraced(function* (host: Host, { env }: Installation, secret: string) {
  const { DATABASE_URL = "", ...others } = env
  const database = new URL(DATABASE_URL)
  const [command, ...args] = host.on(
    process.execPath,
    "run",
    "-A",
    "--no-check",
    root("src/main.ts"),
    "serve"
  )
  const ports = Object.fromEntries(
    ["CORE", "NOTIFICATIONS", "PAYMENTS", "TICKETS", "SCANS"].map((
      name,
      at
    ) => [`${name}_PORT`, String(3001 + at)])
  )
  const child = yield* startCommand(command, args, {
    env: {
      ...others,
      ...ports,
      LOG_FORMAT: "json",
      REDIS_URL: "",
      DATABASE_URL: `postgres://postgres@localhost${database.pathname}?host=${encodeURIComponent(sockets)}`,
      GUICHET_CLUSTER: "socket",
      GUICHET_RUNNER_HOST: host.address,
      GUICHET_RUNNER_PORT: runnerPort,
      GUICHET_CLUSTER_SECRET: secret
    }
  })
  yield* child.line((line) => line.includes("Serving core on http://"))
  return child
})

const gauge = (host: Host, name: string) =>
  Effect.map(
    said(host, "curl", "-s", "http://127.0.0.1:3001/metrics"),
    (metrics) => gaugeIn(metrics, name)
  )

/** What a runner of that host hears of the asked one: the last line, after what is logged. */
const stranger = (host: Host, asked: Host, secret = "") => {
  const program = ["run", "-A", "--no-check", root("test/support/Stranger.ts")]
  return Effect.map(
    said(host, process.execPath, ...program, asked.address, runnerPort, secret),
    (text) => text.split("\n").at(-1)
  )
}

describe.skipIf(!isAsked)("two runners on two hosts", () => {
  it.live(
    "answer for each other, and not to a third that has not their secret",
    () =>
      Effect.gen(function* () {
        const installation = yield* postgres
        const token = yield* installation.token
        const secret = randomBytes(32).toString("base64")
        const [a, b, c] = (yield* hosts(3)) as readonly [Host, Host, Host]
        yield* Effect.all([serveOn(a, installation, secret), serveOn(b, installation, secret)], {
          concurrency: 2
        })
        yield* Effect.all([gauge(a, "shards"), gauge(b, "shards")]).pipe(
          Effect.repeat({ until: ([one, other]) => one > 0 && other > 0 && one + other === 64 })
        )
        for (const [at, host] of [a, b, a, b].entries()) {
          const { flow_id } = yield* ask(host, token, "/api/orchestration/complete-flow", flowBody(at + 1))
          const other = host === a ? b : a
          const flow = yield* ask(other, token, `/api/orchestration/flows/${flow_id}`).pipe(
            Effect.repeat({ until: ({ finished_at }) => finished_at !== null })
          )
          assert.strictEqual(flow.status, "completed", JSON.stringify(flow))
        }
        for (const asked of [a, b]) {
          assert.strictEqual(yield* stranger(c, asked, secret), "answered")
          assert.strictEqual(yield* stranger(c, asked, randomBytes(32).toString("base64")), "refused")
          assert.strictEqual(yield* stranger(c, asked), "refused")
        }
      }).pipe(Effect.scoped),
    300_000
  )
})
