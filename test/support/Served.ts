/** `guichet serve` as a process of its own on free ports, and the client that a test is to it. */
import { Effect, type Scope } from "effect"
import { randomInt } from "node:crypto"
import * as Fs from "node:fs"
import { createServer } from "node:net"
import * as Os from "node:os"
import * as Path from "node:path"
import { type ChildProgram, startProgram } from "./ChildProgram.ts"

/** The parts of `guichet serve <part>` that listen on a port. */
export const parts = ["core", "notifications", "payments", "tickets", "scans"] as const
export type Part = typeof parts[number]

/** A directory that is gone when the scope closes. */
export const temporaryDirectory: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "guichet-process-"))),
  (directory) => Effect.sync(() => Fs.rmSync(directory, { recursive: true, force: true }))
)

/** Files that run at the same time, each in a worker of its own, take ports of different ranges. */
const workers = 4
const worker = Number(process.env.VITEST_POOL_ID ?? 1) % workers

/** Below those that the system gives to clients: nobody is given one between two uses of it. */
const range = 12_000 / workers
const ports = { first: 20_000 + worker * range, count: range }

/** Ports that somebody in this worker has and may not listen on yet. */
const given = new Set<number>()

const listens = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer()
    server.once("error", () => resolve(false))
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)))
  })

/** Ports of the loopback interface that nobody listens on, all different. */
export const freePorts = (count: number): Effect.Effect<ReadonlyArray<number>> =>
  Effect.promise(async () => {
    const free = new Set<number>()
    while (free.size < count) {
      const port = ports.first + randomInt(ports.count)
      if (given.has(port) || free.has(port) || !await listens(port)) continue
      free.add(port)
    }
    for (const port of free) given.add(port)
    return [...free]
  })

/** The port variables of a process, all five free. */
export const freePortVariables: Effect.Effect<Record<string, string>> = Effect.map(
  freePorts(parts.length),
  (ports) => Object.fromEntries(parts.map((part, at) => [`${part.toUpperCase()}_PORT`, String(ports[at])]))
)

/** One server-sent event of a feed. */
export interface Sent {
  readonly id: number
  readonly kind: string
  // deno-lint-ignore no-explicit-any
  readonly data: any
}

/** A request; with a body it is a POST. */
export interface Ask {
  readonly token?: string
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
}

/** What came back; `json` is undefined when the body is not a JSON object. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  // deno-lint-ignore no-explicit-any
  readonly json: any
}

/** A running `guichet serve`. */
export interface Served {
  readonly child: ChildProgram
  readonly core: string
  readonly ask: (path: string, ask?: Ask) => Effect.Effect<Answer>
  /** Reads a feed until an event satisfies the predicate or the server ends the stream, and answers what it read. */
  readonly follow: (
    path: string,
    token: string,
    enough: (event: Sent) => boolean
  ) => Effect.Effect<ReadonlyArray<Sent>>
}

/** The event of a flow's step in this state. */
export const step = (name: string, status: string) => ({ data, kind }: Sent): boolean =>
  kind === "step" && data.step === name && data.status === status

/** The last event of a feed. */
export const closed = ({ kind }: Sent): boolean => kind === "closed"

const toSent = (block: string): Sent | undefined => {
  const fields = new Map(
    block.split("\n").map((line) => {
      const at = line.indexOf(": ")
      return [line.slice(0, at), line.slice(at + 2)] as const
    })
  )
  const kind = fields.get("event")
  return kind === undefined
    ? undefined
    : { id: Number(fields.get("id")), kind, data: JSON.parse(fields.get("data") ?? "null") }
}

async function* eventsOf(response: Response): AsyncGenerator<Sent> {
  let rest = ""
  const text = response.body?.pipeThrough(new TextDecoderStream()) ?? []
  for await (const piece of text) {
    const blocks = (rest + piece).split("\n\n")
    rest = blocks.pop() ?? ""
    for (const block of blocks) {
      const event = toSent(block)
      if (event !== undefined) yield event
    }
  }
}

/** One request to any address. */
export const request = (url: string, { body, headers, token }: Ask = {}): Effect.Effect<Answer> =>
  Effect.promise(async (signal) => {
    const response = await fetch(url, {
      signal,
      method: body === undefined ? "GET" : "POST",
      headers: {
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) })
    })
    const text = await response.text()
    return {
      status: response.status,
      headers: response.headers,
      json: text.startsWith("{") ? JSON.parse(text) : undefined
    }
  })

const clientOf = (core: string): Omit<Served, "child"> => ({
  core,
  ask: (path, ask) => request(`${core}${path}`, ask),
  follow: (path, token, enough) =>
    Effect.promise(async (signal) => {
      const response = await fetch(`${core}${path}`, {
        signal,
        headers: { authorization: `Bearer ${token}` }
      })
      const seen: Array<Sent> = []
      for await (const event of eventsOf(response)) {
        seen.push(event)
        if (enough(event)) break
      }
      return seen
    })
})

/** Starts `guichet serve [part]` and waits until each of its ports is served. */
export const serve = (
  env: Readonly<Record<string, string>>,
  part: Part | "all" = "all"
): Effect.Effect<Served, never, Scope.Scope> =>
  Effect.gen(function* () {
    const child = yield* startProgram("src/main.ts", ["serve", part], { LOG_FORMAT: "json", ...env })
    yield* Effect.forEach(
      part === "all" ? parts : [part],
      (name) => child.line((line) => line.includes(`Serving ${name} on http://`)),
      { concurrency: "unbounded" }
    )
    return { child, ...clientOf(`http://127.0.0.1:${env["CORE_PORT"]}`) }
  })
