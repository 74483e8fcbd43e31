/** A real `guichet serve` in a process of its own, on free ports and a throw-away database. */
import { type ChildProcess, spawn } from "node:child_process"
import { generateKeyPairSync, randomBytes, randomInt } from "node:crypto"
import * as Fs from "node:fs"
import { createServer } from "node:net"
import * as Os from "node:os"
import * as Path from "node:path"
import process from "node:process"

/** Below the ports that systems give to outgoing connections: one of those could be taken before a server is started on it again. */
const ports = { from: 10_000, below: 32_768 }

const freePort = (tries = 100): Promise<number> =>
  new Promise((resolve, reject) => {
    const server = createServer()
    const port = randomInt(ports.from, ports.below)
    server.once("error", (error) => tries > 1 ? resolve(freePort(tries - 1)) : reject(error))
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(port)))
  })

const secret = () => randomBytes(32).toString("base64")

/** One token does the work of many here; the limit of scans is far away and still counted, because a scan pays for that. */
const unlimited = {
  LIMIT_SCANS: "1000000",
  LIMIT_UPLOADS: "0",
  LIMIT_READS: "0",
  LIMIT_WRITES: "0",
  LIMIT_WORK: "0",
  LIMIT_DOCUMENTS: "0",
  LIMIT_STRANGERS: "0",
  LIMIT_STREAMS: "0"
}

/** What a server needs of its environment; the same again starts it on the same data. */
export const environment = async (databaseUrl: string | undefined): Promise<Record<string, string>> => ({
  GUICHET_DATA: Fs.mkdtempSync(Path.join(Os.tmpdir(), "guichet-bench-")),
  LOG_LEVEL: "error",
  ...unlimited,
  CORE_PORT: String(await freePort()),
  NOTIFICATIONS_PORT: String(await freePort()),
  PAYMENTS_PORT: String(await freePort()),
  TICKETS_PORT: String(await freePort()),
  SCANS_PORT: String(await freePort()),
  ...(databaseUrl === undefined ? {} : {
    DATABASE_URL: databaseUrl,
    PAYMENTS: "sandbox",
    MAIL_OUTBOX: "true",
    SMS_OUTBOX: "true",
    CORE_SERVICE_SECRET: secret(),
    PAYMENT_SERVICE_SECRET: secret(),
    TICKET_GENERATOR_SECRET: secret(),
    SCAN_VALIDATION_SECRET: secret(),
    NOTIFICATION_SERVICE_SECRET: secret(),
    TICKET_SIGNING_KEY: generateKeyPairSync("ed25519").privateKey.export({ format: "der", type: "pkcs8" })
      .toString("base64")
  })
})

const guichet = (args: ReadonlyArray<string>, env: Record<string, string>): ChildProcess =>
  spawn(process.execPath, ["run", "-A", "src/main.ts", ...args], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "inherit"]
  })

/** Runs a command to its end and gives what it printed. */
export const run = (args: ReadonlyArray<string>, env: Record<string, string>): Promise<string> =>
  new Promise((resolve, reject) => {
    const child = guichet(args, env)
    let out = ""
    child.stdout?.on("data", (chunk) => out += chunk)
    child.on(
      "exit",
      (code) => code === 0 ? resolve(out.trim()) : reject(new Error(`${args.join(" ")} ended with ${code}`))
    )
  })

/** A running server; `readyMs` is from its start to the first 200 of `/health/ready`. */
export interface Server {
  readonly url: string
  readonly pid: number
  readonly readyMs: number
  readonly stop: () => Promise<void>
}

const isReady = (url: string): Promise<boolean> =>
  fetch(`${url}/health/ready`).then(
    (answer) => answer.body?.cancel().then(() => answer.ok) ?? answer.ok,
    () => false
  )

export const start = async (env: Record<string, string>): Promise<Server> => {
  const began = performance.now()
  const child = guichet(["serve"], env)
  const exited = new Promise<void>((resolve) => child.on("exit", () => resolve()))
  const url = `http://127.0.0.1:${env.CORE_PORT}`
  while (!(await isReady(url))) {
    if (child.exitCode !== null) throw new Error(`The server ended with ${child.exitCode}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  const stop = () => {
    child.kill("SIGTERM")
    return exited
  }
  return { url, pid: child.pid ?? 0, readyMs: performance.now() - began, stop }
}

/** Resident memory in MiB. */
export const residentMiB = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(Fs.readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1024

/** Processor time of a process and its threads since it began, in milliseconds, at the 100 ticks a second of Linux. */
export const processorMs = (pid: number): number => {
  const stat = Fs.readFileSync(`/proc/${pid}/stat`, "utf8")
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  return (Number(fields[11]) + Number(fields[12])) * 10
}

/** Removes what a server kept outside its database. */
export const clean = (env: Record<string, string>): void =>
  Fs.rmSync(env.GUICHET_DATA ?? "", { recursive: true, force: true })
