/**
 * One organiser's attack as a process of its own: everything that the fuzzer knows, from so many connections, until it
 * is told to end. Its own work has the lowest priority, since it stands for another machine. Each second it says how
 * many requests were answered, by status; `-` is none.
 */
import { setPriority } from "node:os"
import process from "node:process"
import { overWire } from "./Wire.ts"
import { reported } from "./Reported.ts"
import { type FuzzRequest, requestOf } from "./Requests.ts"
import type { Part } from "../support/Served.ts"

const [token = "", seed = "1", connections = "32"] = process.argv.slice(2)
const portOf = (part: Part): string => `http://127.0.0.1:${process.env[`${part.toUpperCase()}_PORT`]}`

setPriority(19)

const known = reported(token)
const counts = new Map<string, number>()
let next = Number(seed)
let isOver = false

/** What once ended a process or held it, again and again among the rest. */
const chosen = (): FuzzRequest => {
  const at = next++
  return at % 10 === 0 ? known[(at / 10) % known.length]! : requestOf(at, { token, env: {} })
}

const patience = 30_000

const send = async ({ bytes, headers, route, url, way }: FuzzRequest): Promise<string> => {
  const origin = portOf(route.part)
  if (way !== undefined) {
    const request = { method: route.method, url, headers, body: bytes ?? new Uint8Array() }
    const heard = await overWire(origin, way, request, patience)
    return String(heard?.statuses[0] ?? "-")
  }
  const response = await fetch(`${origin}${url}`, {
    method: route.method,
    headers,
    signal: AbortSignal.timeout(patience),
    redirect: "manual",
    ...(bytes === undefined ? {} : { body: new Uint8Array(bytes) })
  })
  if (response.headers.get("content-type")?.startsWith("text/event-stream")) await response.body?.cancel()
  else await response.arrayBuffer()
  return String(response.status)
}

const connection = async (): Promise<void> => {
  while (!isOver) {
    const status = await send(chosen()).catch(() => "-")
    counts.set(status, (counts.get(status) ?? 0) + 1)
  }
}

process.on("SIGTERM", () => {
  isOver = true
  process.exit(0)
})
setInterval(() => process.stdout.write(`attack ${JSON.stringify(Object.fromEntries(counts))}\n`), 1_000)
await Promise.all(Array.from({ length: Number(connections) }, connection))
