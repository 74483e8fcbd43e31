/** The whole of Guichet in the test's process, without a port, on the database that the suite runs on. */
import { ConfigProvider, Context, Effect, FileSystem, Layer, Redacted, type Schema } from "effect"
import { inProcess } from "../../src/app/App.ts"
import * as Platform from "../../src/Platform.ts"
import { Loopback } from "../../src/trust/Loopback.ts"
import { TokenStore } from "../../src/store/TokenStore.ts"
import { generateKeyPairSync, randomBytes } from "node:crypto"
import * as TestDatabase from "./TestDatabase.ts"
import { noLimits } from "./Unlimited.ts"

/** What a request is made of; a body that is not a string is sent as JSON. */
export interface Ask {
  readonly method?: string
  readonly token?: string | undefined
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: unknown
}

/** What came back; `json` is undefined when the body is not JSON. */
export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  // deno-lint-ignore no-explicit-any
  readonly json: any
}

/** Speaks to the app as a client does. */
export class TestApp extends Context.Service<TestApp, {
  readonly fetch: (path: string, init?: RequestInit) => Effect.Effect<Response>
  readonly ask: (path: string, ask?: Ask) => Effect.Effect<Answer>
  readonly admin: string
  readonly organizer: string
  readonly directory: string
}>()("test/TestApp") {}

/** What an installation on PostgreSQL must be given. */
export const secrets = () => ({
  PAYMENTS: "sandbox",
  MAIL_OUTBOX: "true",
  SMS_OUTBOX: "true",
  CORE_SERVICE_SECRET: randomBytes(32).toString("base64"),
  PAYMENT_SERVICE_SECRET: randomBytes(32).toString("base64"),
  TICKET_GENERATOR_SECRET: randomBytes(32).toString("base64"),
  SCAN_VALIDATION_SECRET: randomBytes(32).toString("base64"),
  NOTIFICATION_SERVICE_SECRET: randomBytes(32).toString("base64"),
  TICKET_SIGNING_KEY: generateKeyPairSync("ed25519").privateKey.export({ format: "der", type: "pkcs8" })
    .toString("base64")
})

const environment = Effect.fnUntraced(function* (directory: string) {
  const base = { GUICHET_DATA: directory, LOG_LEVEL: "error", LOG_FORMAT: "json" }
  return TestDatabase.serverUrl === undefined
    ? base
    : { ...base, ...secrets(), DATABASE_URL: yield* TestDatabase.freshUrl("migrated") }
})

const isJson = (text: string): boolean => text.startsWith("{") || text.startsWith("[")

const toAnswer = (response: Response) =>
  Effect.promise(async (): Promise<Answer> => {
    const text = await response.text()
    return {
      status: response.status,
      headers: response.headers,
      text,
      json: isJson(text) ? JSON.parse(text) : undefined
    }
  })

const make = Effect.fnUntraced(function* (directory: string) {
  const handler = (yield* Loopback).find("core")
  if (handler === undefined) return yield* Effect.die("The core is not served")
  const tokens = yield* TokenStore
  const token = (role: "admin" | "organizer", subject: string) =>
    Effect.map(tokens.create({ role, subject }), (made) => Redacted.value(made.token))
  const fetch = (path: string, init?: RequestInit) =>
    Effect.promise(() => handler(new Request(`http://localhost${path}`, init)))
  const ask: TestApp["Service"]["ask"] = (path, { body, headers, method, token } = {}) =>
    Effect.flatMap(
      fetch(path, {
        method: method ?? (body === undefined ? "GET" : "POST"),
        headers: {
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...headers
        },
        ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) })
      }),
      toAnswer
    )
  return TestApp.of({
    fetch,
    ask,
    admin: yield* token("admin", "root"),
    organizer: yield* token("organizer", "alice"),
    directory
  })
})

/** A fresh app on a fresh database, with `more` in its environment. */
export const layerWith = (more: Readonly<Record<string, string>> = {}) =>
  Layer.unwrap(Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const directory = yield* fs.makeTempDirectoryScoped({ prefix: "guichet-app-" })
    const env = { ...noLimits, ...(yield* environment(directory)), ...more }
    return Layer.effect(TestApp, make(directory)).pipe(
      Layer.provideMerge(inProcess),
      Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown(env)))
    )
  })).pipe(Layer.provide(Platform.services), Layer.orDie)

export const layer = layerWith()

/** Any JSON object, for tests that change one field of a body. */
export type Body = Record<string, Schema.Json>
