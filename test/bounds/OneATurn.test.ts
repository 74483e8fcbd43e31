/**
 * However many requests come at once, a scan that comes after them all waits for few of them.
 * Guards whose removal turns this file red: the turns of the server, the turn between two of the line.
 */
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { HttpServer, HttpServerRequest, HttpServerResponse } from "effect/http"
import { connect, type Socket } from "node:net"
import { inTurn } from "../../src/bounds/OneATurn.ts"
import type { FastPath } from "../../src/FastPath.ts"
import * as Platform from "../../src/Platform.ts"

const crowd = 100

const connected = (port: number) =>
  Effect.acquireRelease(
    Effect.callback<Socket>((resume) => {
      const socket = connect(port, "127.0.0.1")
      socket.once("connect", () => resume(Effect.succeed(socket)))
      socket.on("error", () => {})
    }),
    (socket) => Effect.sync(() => socket.destroy())
  )

describe("a line of work", () => {
  it.live("lets the loop turn between two pieces, and goes on after one that throws", () =>
    Effect.gen(function* () {
      const told: Array<string> = []
      const failed = (fault: unknown) => void told.push(String(fault))
      yield* Effect.callback<void>((resume) => {
        inTurn(() => {
          told.push("first")
          setImmediate(() => told.push("between"))
        }, failed)
        inTurn(() => {
          throw new Error("second")
        }, failed)
        inTurn(() => void told.push("third"), failed)
        inTurn(() => resume(Effect.void), failed)
      })
      assert.deepStrictEqual(told.filter((one) => one !== "between"), ["first", "Error: second", "third"])
      assert.include(told.slice(0, told.indexOf("third")), "between")
    }))

  it.live("is passed by a scan that comes after it", () =>
    Effect.gen(function* () {
      const begun: Array<string> = []
      const fastPath: FastPath = {
        takes: ({ url }) => url === "/scan",
        answer: (_head, _body, reply) => {
          begun.push("scan")
          reply({ status: 200, headers: {}, text: "" })
          return true
        }
      }
      const server = yield* Layer.build(Platform.httpServer({
        port: 0,
        fastPath: { registry: { current: fastPath }, contract: () => Promise.reject(new Error("no")) },
        report: (fault) => begun.push(String(fault))
      }))
      const others = Effect.gen(function* () {
        const { url } = yield* HttpServerRequest.HttpServerRequest
        begun.push(url)
        return HttpServerResponse.empty()
      })
      yield* Effect.provide(HttpServer.serveEffect(others), server)
      const { address } = Context.get(server, HttpServer.HttpServer)
      const port = "port" in address ? address.port : 0
      const sockets = yield* Effect.forEach(Array.from({ length: crowd }), () => connected(port))
      const scanner = yield* connected(port)
      yield* Effect.callback<void>((resume) => {
        scanner.once("data", () => resume(Effect.void))
        for (const socket of sockets) socket.write("GET /other HTTP/1.1\r\nhost: a\r\n\r\n")
        scanner.write("POST /scan HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n")
      })
      assert.isBelow(begun.indexOf("scan"), crowd / 2, JSON.stringify(begun))
    }).pipe(Effect.scoped))
})
