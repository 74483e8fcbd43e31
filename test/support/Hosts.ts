/** Hosts of a network of their own on this machine: namespaces of Linux, joined by a bridge. They need root. */
import { Effect, type Scope } from "effect"
import { execFileSync } from "node:child_process"
import process from "node:process"

/** A host: its address, and how a command is run on it. */
export interface Host {
  readonly address: string
  readonly on: (command: string, ...args: ReadonlyArray<string>) => readonly [string, ...Array<string>]
}

const ip = (...args: ReadonlyArray<string>) => void execFileSync("ip", args, { stdio: "ignore" })

/** So many hosts that reach each other and nothing else; they are gone when the scope closes. */
export const hosts = (count: number): Effect.Effect<ReadonlyArray<Host>, never, Scope.Scope> => {
  const run = `gct${process.pid}`
  const hub = `${run}h`
  const names = Array.from({ length: count }, (_, at) => `${run}n${at}`)
  const remove = Effect.sync(() => {
    for (const name of [...names, hub]) execFileSync("sh", ["-c", `ip netns del ${name} 2>&1 || true`])
  })
  const make = Effect.sync(() => {
    ip("netns", "add", hub)
    ip("-n", hub, "link", "add", "br0", "type", "bridge")
    ip("-n", hub, "link", "set", "br0", "up")
    return names.map((name, at): Host => {
      const address = `10.77.0.${at + 1}`
      ip("netns", "add", name)
      ip("-n", name, "link", "add", "eth0", "type", "veth", "peer", "name", `v${at}`, "netns", hub)
      ip("-n", hub, "link", "set", `v${at}`, "master", "br0", "up")
      ip("-n", name, "addr", "add", `${address}/24`, "dev", "eth0")
      ip("-n", name, "link", "set", "eth0", "up")
      ip("-n", name, "link", "set", "lo", "up")
      return { address, on: (command, ...args) => ["ip", "netns", "exec", name, command, ...args] }
    })
  })
  return Effect.acquireRelease(make.pipe(Effect.onError(() => remove)), () => remove)
}
