/** Programs of `bench/peers/`, which have packages and a Node of their own. */
import { spawn } from "node:child_process"
import { existsSync } from "node:fs"
import process from "node:process"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import type { Server } from "./Server.ts"

const folder = fileURLToPath(new URL("../peers/", import.meta.url))
const node = `${folder}node_modules/.bin/node`

/** What to say when the peers' packages are missing. */
export const howToInstall = "its packages are missing: npm ci --prefix bench/peers"

/** Whether `npm ci` was run in `bench/peers/`. */
export const areInstalled = (): boolean => existsSync(node)

/** Starts a program that prints its address once it is ready; it ends at SIGTERM. */
export const startPeer = async (program: string, env: Record<string, string>): Promise<Server> => {
  const began = performance.now()
  const child = spawn(node, ["--no-deprecation", `${folder}${program}`], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "inherit"]
  })
  const exited = new Promise<void>((resolve) => child.on("exit", () => resolve()))
  const address = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next()
  if (address.done) throw new Error(`${program} ended before it was ready`)
  const stop = () => {
    child.kill("SIGTERM")
    return exited
  }
  return { url: address.value, pid: child.pid ?? 0, readyMs: performance.now() - began, stop }
}
