/** Scans over a socket, as stewards' devices send them: the core's fast path stands before its routes. */
import { Context, Effect, Layer, Redacted } from "effect"
import { HttpServer, HttpServerRequest, HttpServerResponse } from "effect/http"
import { FastPathRegistry } from "../../src/FastPath.ts"
import * as Platform from "../../src/Platform.ts"
import { Loopback } from "../../src/trust/Loopback.ts"
import { TokenStore } from "../../src/store/TokenStore.ts"
import documented from "../fixtures/bodies/3-scan-validate.request.json" with { type: "json" }
import type { Answer, Ask } from "./TestApp.ts"

const path = "/api/scans/validate"

/** A steward's token for these events and gates, or for all. */
export const operator = (events?: ReadonlyArray<number>, gates?: ReadonlyArray<string>) =>
  Effect.flatMap(TokenStore, (tokens) =>
    Effect.map(
      tokens.create({ role: "operator", subject: "operator-123", owner: "organizer-1", events, gates }),
      ({ token }) => Redacted.value(token)
    ))

/** The core on a port, how many requests its fast path has answered, and what failed in it. */
export class Port extends Context.Service<Port, {
  readonly ask: (ask: Ask) => Effect.Effect<Answer>
  /** The same on another path. */
  readonly askAt: (path: string, ask: Ask) => Effect.Effect<Answer>
  readonly taken: () => number
  /** What a listener of the server has thrown. */
  readonly faults: ReadonlyArray<unknown>
}>()("test/Port") {
  static readonly layer = Layer.effect(
    Port,
    Effect.gen(function* () {
      const contract = (yield* Loopback).find("core")!
      const registry = yield* FastPathRegistry
      const faults: Array<unknown> = []
      let taken = 0
      const counting = {
        get current() {
          const fastPath = registry.current
          return fastPath === undefined ? undefined : {
            takes: fastPath.takes,
            answer: (...[head, body, reply]: Parameters<typeof fastPath.answer>) =>
              fastPath.answer(head, body, (answer) => {
                if (!("resume" in answer)) taken += 1
                reply(answer)
              })
          }
        }
      }
      const server = yield* Layer.build(
        Platform.httpServer({
          port: 0,
          fastPath: { registry: counting, contract },
          report: (fault) => faults.push(fault)
        })
      )
      const forward = Effect.gen(function* () {
        const request = yield* Effect.flatMap(HttpServerRequest.HttpServerRequest, HttpServerRequest.toWeb)
        return HttpServerResponse.fromWeb(yield* Effect.promise(() => contract(request)))
      })
      yield* Effect.provide(HttpServer.serveEffect(forward), server)
      const { address } = Context.get(server, HttpServer.HttpServer)
      const origin = `http://127.0.0.1:${"port" in address ? address.port : 0}`
      const askAt = (path: string, { body, headers, token }: Ask) =>
        Effect.promise(async (): Promise<Answer> => {
          const response = await fetch(`${origin}${path}`, {
            method: "POST",
            headers: {
              "content-type": "application/json",
              ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
              ...headers
            },
            body: typeof body === "string" || body instanceof Uint8Array
              ? body as BodyInit
              : JSON.stringify(body)
          })
          const text = await response.text()
          return {
            status: response.status,
            headers: response.headers,
            text,
            json: text.startsWith("{") ? JSON.parse(text) : undefined
          }
        })
      return Port.of({ ask: (ask) => askAt(path, ask), askAt, taken: () => taken, faults })
    })
  )
}

/** The documented scan, of this ticket. */
export const scan = (eventId: number, code: string, changes: object = {}) => ({
  ...documented,
  event_id: eventId,
  ticket_code: code,
  ...changes
})

/** The first request of a token, and of an event, goes the contract's way; the next ones need not. */
export const acquaint = Effect.fnUntraced(function* (token: string, eventId: number) {
  const { ask } = yield* Port
  yield* ask({ token, body: scan(eventId, `TKT-${eventId}-FIRST`) })
})
