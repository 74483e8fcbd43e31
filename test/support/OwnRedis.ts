/** A Redis of the test's own: every write is synced to its directory before it is answered. */
import { Effect, type Scope } from "effect"
import { spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import process from "node:process"
import { startCommand } from "./ChildCommand.ts"
import { type Mortal, mortal } from "./Mortal.ts"
import { freePorts, temporaryDirectory } from "./Served.ts"

/** Whether it is installed; otherwise one line says that a test is skipped for want of it. */
export const hasRedis = (): boolean => {
  const installed = spawnSync("redis-server", ["--version"], { stdio: "ignore" }).error === undefined
  if (!installed) process.stdout.write("a test is skipped: redis-server not installed\n")
  return installed
}

export interface OwnRedis extends Omit<Mortal<unknown>, "now"> {
  readonly url: string
  /** Loses everything, while it is dead. */
  readonly lose: Effect.Effect<void>
}

/** Starts one on a free port of the loopback interface; its directory goes with the scope. */
export const ownRedis: Effect.Effect<OwnRedis, never, Scope.Scope> = Effect.gen(function* () {
  const directory = yield* temporaryDirectory
  const [port] = yield* freePorts(1)
  const args = ["--port", String(port), "--bind", "127.0.0.1", "--dir", directory, "--save", ""]
  const durable = ["--appendonly", "yes", "--appendfsync", "always"]
  const { die, rise } = yield* mortal(Effect.gen(function* () {
    const child = yield* startCommand("redis-server", [...args, ...durable], { cwd: directory })
    yield* child.line((line) => line.includes("Ready to accept connections"))
    return { child }
  }))
  return {
    url: `redis://127.0.0.1:${port}`,
    die,
    rise,
    lose: Effect.sync(() => {
      for (const name of Fs.readdirSync(directory)) Fs.rmSync(`${directory}/${name}`, { recursive: true })
    })
  }
})
