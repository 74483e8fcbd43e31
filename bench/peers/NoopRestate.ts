/**
 * A flow of eight durable steps that do nothing on Restate: its server at its durable defaults in a process and a
 * folder of its own, on free ports of the loopback interface, and a service of its SDK in this process.
 */
import * as Restate from "@restatedev/restate-sdk"
import { spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { createServer as createHttp2 } from "node:http2"
import { createRequire } from "node:module"
import { type AddressInfo, createServer } from "node:net"
import { arch, platform, tmpdir } from "node:os"
import { join } from "node:path"
import process from "node:process"
import { serveRuns } from "./NoopRuns.ts"

const flows = Restate.service({
  name: "noop",
  handlers: {
    run: async (ctx: Restate.Context, id: string): Promise<string> => {
      for (let at = 1; at <= 8; at++) {
        await ctx.run(`step-${at}`, () => at)
      }
      return id
    }
  }
})

const listening = (
  server: { readonly address: () => AddressInfo | string | null }
): number => {
  const address = server.address()
  return typeof address === "object" && address !== null ? address.port : 0
}

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer()
    server.listen(0, "127.0.0.1", () => {
      const port = listening(server)
      server.close(() => resolve(port))
    })
  })

/** A line for each flow would be measured too: only errors are written. */
const logger: Restate.LoggerTransport = ({ level }, message) => {
  if (level === "error") process.stderr.write(`${String(message)}\n`)
}

const sdk = createHttp2(
  Restate.createEndpointHandler({ services: [flows], logger })
)
await new Promise<void>((resolve) => sdk.listen(0, "127.0.0.1", resolve))

const folder = mkdtempSync(join(tmpdir(), "restate-bench-"))
const [node, ingress, admin] = [
  await freePort(),
  await freePort(),
  await freePort()
]
const binary = createRequire(import.meta.url)
  .resolve(
    `@restatedev/restate-server-${platform()}-${arch()}/bin/restate-server`
  )
const server = spawn(binary, [
  "--no-logo",
  "--base-dir",
  folder,
  "--node-name",
  "bench"
], {
  env: {
    ...process.env,
    RESTATE_LISTEN_MODE: "tcp",
    RESTATE_BIND_IP: "127.0.0.1",
    RESTATE_BIND_PORT: String(node),
    RESTATE_INGRESS__BIND_PORT: String(ingress),
    RESTATE_ADMIN__BIND_PORT: String(admin),
    // Restate asks for its newest release at each start: a bench speaks to nobody but this machine.
    HTTPS_PROXY: "http://127.0.0.1:1",
    RESTATE_DISABLE_TELEMETRY: "true",
    // That it cannot is an error in its eyes.
    RESTATE_LOG_FILTER: "error,octocrab=off"
  },
  stdio: ["ignore", "ignore", "inherit"]
})
const ended = new Promise<void>((resolve) => server.once("exit", () => resolve()))

const stop = async (): Promise<void> => {
  server.kill("SIGTERM")
  await ended
  sdk.close()
  rmSync(folder, { recursive: true, force: true })
}

const startedWithinMs = 60_000

/** Asks until the server takes the service: it is refused while it starts. */
const register = async (): Promise<void> => {
  const end = performance.now() + startedWithinMs
  for (;;) {
    const answer = await fetch(`http://127.0.0.1:${admin}/deployments`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ uri: `http://127.0.0.1:${listening(sdk)}` })
    }).catch(() => undefined)
    if (answer?.ok === true) return
    if (server.exitCode !== null || performance.now() > end) {
      throw new Error("Restate's server did not start")
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

const flow = async (id: string): Promise<void> => {
  const answer = await fetch(`http://127.0.0.1:${ingress}/noop/run`, {
    method: "POST",
    headers: { "content-type": "application/json", "idempotency-key": id },
    body: JSON.stringify(id)
  })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`Restate answered ${answer.status}: ${text}`)
}

try {
  await register()
} catch (error) {
  await stop()
  throw error
}
await serveRuns({
  name: "restate",
  pids: [process.pid, server.pid ?? 0],
  flow,
  stop
})
process.exit()
