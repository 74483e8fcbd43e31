/**
 * What the doctor says of what stands around an installation: each with what to do, and no password.
 * Guards whose removal turns this file red: each of the checks and of their conditions. Not tried: a disk that has room and
 * no file left, connections that a role or a database limits.
 */
import { assert, describe, it, layer } from "@effect/vitest"
import { Clock, ConfigProvider, Effect, Option } from "effect"
import { createServer } from "node:http"
import type { Server } from "node:net"
import { fileURLToPath } from "node:url"
import { SMTPServer } from "smtp-server"
import { checkClock, checkConnections } from "../../src/database/ServerLimits.ts"
import { checkDirectory, checkMail, runnerUnreached, servicesAway } from "../../src/cli/Surroundings.ts"
import * as Platform from "../../src/Platform.ts"
import { freePorts, temporaryDirectory } from "../support/Served.ts"
import * as TestDatabase from "../support/TestDatabase.ts"

const given = (env: Readonly<Record<string, string>>) =>
  Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown(env))

/** Listens on a port of its own until the scope closes. */
const listening = (server: Server, close: (done: () => void) => void) =>
  Effect.acquireRelease(
    Effect.callback<number>((resume) => {
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        resume(Effect.succeed(typeof address === "object" && address !== null ? address.port : 0))
      })
    }),
    () => Effect.callback<void>((resume) => close(() => resume(Effect.void)))
  )

describe("around an installation", () => {
  it.live("a data directory that cannot be written, and a full disk", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      yield* checkDirectory(`${directory}/not/there/yet`, 1)
      const full = yield* Effect.flip(checkDirectory(directory, Infinity))
      assert.match(full.message, /^The disk of .* has \d+ MiB left: make room/)
      const file = fileURLToPath(import.meta.url)
      const closed = yield* Effect.flip(checkDirectory(`${file}/data`, 1))
      assert.include(closed.message, `Nothing can be written in ${file}/data (ENOTDIR)`)
      assert.include(closed.message, "set GUICHET_DATA")
    }).pipe(Effect.scoped))

  it.live("a mail server that is away", () =>
    Effect.gen(function* () {
      const [port] = yield* freePorts(1)
      const check = yield* checkMail.pipe(
        given({ SMTP_URL: `smtp://me:hunter2@127.0.0.1:${port}`, MAIL_FROM: "a@example.com" })
      )
      const away = yield* Effect.flip(Option.getOrThrow(check))
      assert.include(away.message, `The mail server at 127.0.0.1:${port} does not answer`)
      assert.notInclude(away.message, "hunter2")
      assert.isTrue(Option.isNone(yield* checkMail.pipe(given({}))))
    }))

  it.live("a mail server that refuses the login", () =>
    Effect.gen(function* () {
      const server = new SMTPServer({
        authMethods: ["PLAIN"],
        disabledCommands: ["STARTTLS"],
        disableReverseLookup: true,
        onAuth: (_auth, _session, done) => done(new Error("535 5.7.8 Authentication failed"))
      })
      const port = yield* listening(server.server, (done) => server.close(done))
      const check = yield* checkMail.pipe(
        given({ SMTP_URL: `smtp://me:hunter2@127.0.0.1:${port}`, MAIL_FROM: "a@example.com" })
      )
      const refused = yield* Effect.flip(Option.getOrThrow(check))
      assert.include(refused.message, `The mail server at 127.0.0.1:${port} refuses the login`)
      assert.notInclude(refused.message, "hunter2")
    }).pipe(Effect.scoped))

  it.live("a service at whose place something else answers", () =>
    Effect.gen(function* () {
      const server = createServer((_request, response) => response.writeHead(404).end())
      const port = yield* listening(server, (done) => server.close(done))
      const away = yield* servicesAway.pipe(given({ PAYMENT_SERVICE_URL: `http://127.0.0.1:${port}/api` }))
      assert.include(away[0] ?? "", `nobody answers at 127.0.0.1:${port} (status 404)`)
    }).pipe(Effect.scoped, Effect.provide(Platform.httpClient)))

  it.live("a service that is away where it was said to be, and no other", () =>
    Effect.gen(function* () {
      const [port] = yield* freePorts(1)
      const away = yield* servicesAway.pipe(given({ PAYMENT_SERVICE_URL: `http://127.0.0.1:${port}/api` }))
      assert.lengthOf(away, 1)
      assert.include(away[0]!, `PAYMENT_SERVICE_URL: nobody answers at 127.0.0.1:${port}`)
      assert.include(away[0]!, "guichet serve payments")
    }).pipe(Effect.provide(Platform.httpClient)))

  it.effect("a runner that other hosts do not reach", () =>
    Effect.gen(function* () {
      const socket = { GUICHET_CLUSTER: "socket", DATABASE_URL: "postgres://db.example/guichet" }
      const said = Option.getOrThrow(yield* runnerUnreached.pipe(given(socket)))
      assert.include(said, "GUICHET_RUNNER_HOST is 127.0.0.1")
      const host = { GUICHET_RUNNER_HOST: "10.0.0.7", GUICHET_CLUSTER_SECRET: "x".repeat(32) }
      assert.isTrue(Option.isNone(yield* runnerUnreached.pipe(given({ ...socket, ...host }))))
      for (const near of ["localhost", "::1", "127.0.0.2"]) {
        const unreached = yield* runnerUnreached.pipe(
          given({ ...socket, ...host, GUICHET_RUNNER_HOST: near })
        )
        assert.isTrue(Option.isSome(unreached), near)
      }
      assert.isTrue(Option.isNone(yield* runnerUnreached.pipe(given({}))))
    }))
})

describe.skipIf(TestDatabase.serverUrl === undefined)("a PostgreSQL server", () => {
  layer(TestDatabase.layer, { excludeTestServices: true })((it) => {
    it.effect("with fewer connections than the pool", () =>
      Effect.gen(function* () {
        yield* checkConnections(3)
        const few = yield* Effect.flip(checkConnections(100_000))
        assert.match(few.message, /^DATABASE_POOL is 100000, and PostgreSQL has \d+ connections left of \d+/)
        assert.include(few.message, "max_connections")
      }))

    it.effect("whose clock is another", () =>
      Effect.gen(function* () {
        const at = (shift: number) => {
          const now = Effect.sync(() => Date.now() + shift)
          return Effect.flatMap(Clock.Clock, (clock) =>
            Effect.provideService(
              checkClock,
              Clock.Clock,
              Object.assign(Object.create(clock), { currentTimeMillis: now })
            ))
        }
        const behind = yield* Effect.flip(at(-60_000))
        assert.match(behind.message, /^This machine's clock is \d+ seconds behind PostgreSQL's/)
        assert.include((yield* Effect.flip(at(600_000))).message, "seconds ahead of PostgreSQL's")
        yield* checkClock
      }))
  })
})
