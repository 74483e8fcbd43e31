/**
 * What a server does with a request before its handler has it.
 * Guards whose removal turns this file red: the answer to a request for which there is no room, the caller that a line
 * belongs to, the probe's own caller, what is remembered of refusals and of scans.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { createServer, type IncomingMessage, type ServerResponse } from "node:http"
import { type Loop, Turns } from "../../src/bounds/OneATurn.ts"
import { TooManyRequests } from "../../src/http/Problems.ts"
import { withTurns } from "../../src/server/RequestFront.ts"

/** A line in which nothing begins until three have come to it when it was full. */
class Full extends Turns {
  readonly entered: Array<string> = []
  readonly #waiting: Array<() => void>

  constructor() {
    const waiting: Array<() => void> = []
    const loop: Loop = {
      now: () => 0,
      soon: (run) => void (this.entered.length < 3 ? waiting.push(run) : setImmediate(run)),
      later: (run) => void setImmediate(run)
    }
    super(loop)
    this.#waiting = waiting
  }

  override enter(...[begin, failed, whose]: Parameters<Turns["enter"]>): boolean {
    const isTaken = super.enter(begin, failed, whose)
    if (this.#filled++ >= 256) this.entered.push(`${whose.caller} ${isTaken}`)
    if (this.entered.length === 3) this.#waiting.forEach((run) => setImmediate(run))
    return isTaken
  }
  #filled = 0
}

class Watched extends Turns {
  readonly told: Array<string> = []

  override refused(caller: string): void {
    this.told.push(`refused ${caller}`)
  }

  override scanned(): void {
    this.told.push("scanned")
  }
}

const served = (line: Turns, handler: (request: IncomingMessage, response: ServerResponse) => void) =>
  Effect.acquireRelease(
    Effect.callback<{ readonly origin: string; readonly close: () => void }>((resume) => {
      const report = (fault: unknown) => {
        throw fault
      }
      const callerOf = ({ headers }: IncomingMessage) => String(headers["x-caller"])
      const server = withTurns(createServer(handler), report, callerOf, line)
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        const port = typeof address === "object" ? address?.port : 0
        resume(Effect.succeed({
          origin: `http://127.0.0.1:${port}`,
          close: () => {
            server.closeAllConnections()
            server.close()
          }
        }))
      })
    }),
    ({ close }) => Effect.sync(close)
  )

/** A request that is never answered fails its test. */
const hung = 30_000

const ask = (url: string, caller: string, method = "GET") =>
  Effect.promise(async () => {
    const response = await fetch(url, { method, headers: { "x-caller": caller } })
    return { status: response.status, headers: response.headers, text: await response.text() }
  })

describe("a server's front", () => {
  it.live("turns away whose requests fill the line, and nobody else", () =>
    Effect.gen(function* () {
      const line = new Full()
      for (let at = 0; at < 256; at++) line.enter(() => {}, () => {}, { caller: "mallory", isGate: false })
      const { origin } = yield* served(line, (_request, response) => void response.end("heard"))
      const { headers, status, text } = yield* ask(`${origin}/api/x`, "mallory")
      const { detail, ...problem } = JSON.parse(text)
      const { title, type } = new TooManyRequests({ detail, retry_after: 1 })
      assert.strictEqual(status, 429)
      assert.isNotEmpty(detail)
      assert.deepStrictEqual(problem, { type, title, status: 429, retry_after: 1 })
      assert.strictEqual(headers.get("retry-after"), "1")
      assert.strictEqual(headers.get("connection"), "close")
      assert.strictEqual(headers.get("content-type"), "application/problem+json")
      const answers = yield* Effect.all([
        ask(`${origin}/api/x`, "bob"),
        ask(`${origin}/health/live`, "mallory")
      ], {
        concurrency: "unbounded"
      })
      assert.deepStrictEqual(answers.map(({ text }) => text), ["heard", "heard"])
      assert.sameMembers(line.entered, ["mallory false", "bob true", "probe 127.0.0.1 true"])
    }).pipe(Effect.scoped), hung)

  it.live("remembers whose requests are refused, and that a gate is in use", () =>
    Effect.gen(function* () {
      const line = new Watched()
      const { origin } = yield* served(line, ({ url }, response) => {
        response.statusCode = url === "/api/none" ? 404 : 200
        response.end()
      })
      yield* ask(`${origin}/api/some`, "bob")
      yield* ask(`${origin}/api/none`, "mallory")
      yield* ask(`${origin}/api/internal/scan-validation`, "gate", "POST")
      assert.deepStrictEqual(line.told, ["refused mallory", "scanned"])
    }).pipe(Effect.scoped), hung)
})
