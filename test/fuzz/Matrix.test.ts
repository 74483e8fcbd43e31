/**
 * Every route of the contract for every identity, on what is its own, another organiser's, and nobody's. The routes are
 * read from the contract: a new one is in by itself, and fails here until it is said what its parameters and body are.
 * Guards whose removal turns this file red: the token on every route, the role of each, the owner of each thing, the one
 * answer for what is another's and what is not there, and the same work for both, of a flow whose owner is
 * remembered too.
 */
import { assert, layer } from "@effect/vitest"
import { DateTime, Effect, Layer, Redacted, References } from "effect"
import { HttpApi, type HttpApiEndpoint } from "effect/http-api"
import { Statement } from "effect/sql"
import { usualRules } from "../../rpc/Scan.ts"
import { Api } from "../../src/api/Api.ts"
import { Authorization } from "../../src/api/rules/Authorization.ts"
import { TokenStore } from "../../src/store/TokenStore.ts"
import type { NewToken } from "../../src/store/TokenRows.ts"
import sequence from "../fixtures/bodies/5-notification-flow.request.json" with { type: "json" }
import scanned from "../fixtures/bodies/3-scan-validate.request.json" with { type: "json" }
import { absent, organiser, type Possessions } from "../support/Organisers.ts"
import * as TestAppLayer from "../support/TestApp.ts"
import { TestApp } from "../support/TestApp.ts"

type Body = (ids: Possessions) => unknown

/** A body that is right in itself, for each route that needs one. */
const bodies: Readonly<Record<string, Body>> = {
  "cancellations.callOff": () => ({ reason: "The hall is flooded" }),
  "payments.refund": () => ({ amount: 1, reason: "Goodwill" }),
  "supervision.annul": () => ({ reason: "The wrong person" }),
  "supervision.letIn": ({ ticket_code }) => ({
    ticket_code,
    scanner_id: scanned.scanner_id,
    scan_location: scanned.scan_location,
    reason: "The queue is long"
  }),
  "scanStream.stream": ({ event_id, ticket_code }) => ({ ...scanned, event_id, ticket_code }),
  "sequences.start": ({ event_id }) => ({ ...sequence, event_id, user_id: 1 }),
  "messages.resendDead": ({ event_id }) => ({ event_id }),
  "messages.sendTicket": () => ({ channel: "email" }),
  "messages.correct": () => ({ email: "ada@example.com" }),
  "messages.suppress": () => ({ channel: "email", address: "nobody@example.com" }),
  "tickets.generate": ({ ticket_id }) => ({
    ticket_ids: [ticket_id],
    options: {
      qrFormat: "base64",
      qrSize: "medium",
      pdfFormat: true,
      includeLogo: false,
      priority: "high",
      batch_processing: true
    }
  }),
  "templates.setStyle": () => ({ accent: "#3b2ad9" }),
  "events.setStatus": () => ({ status: "active" }),
  "events.setTerms": () => ({ terms: "Be kind." }),
  "gate.setRules": () => usualRules,
  "tokens.create": () => ({ role: "operator", subject: "steward" }),
  "scans.validate": ({ event_id, ticket_code }) => ({ ...scanned, event_id, ticket_code }),
  "scans.annul": ({ event_id }) => ({ event_id, scanner_id: scanned.scanner_id }),
  "offline.upload": ({ event_id, ticket_code }) => ({
    event_id,
    scanner_id: "scanner-1",
    operator_id: "sam",
    scans: [
      { scan_id: "offline-1", ticket_code, gate: "A", result: "valid", timestamp: "2025-06-20T09:00:00Z" }
    ]
  })
}

/** It makes the event that it names: its own tests have its answers. */
const elsewhere = ["flows.start"]

/** Its body is a picture. */
const pictures = ["templates.setLogo"]

/** Their body is not `application/json`. */
const contentTypes: Readonly<Record<string, string>> = {
  "templates.setLogo": "image/png",
  "scanStream.stream": "application/x-ndjson"
}

/** Refused without an Idempotency-Key. */
const keyed = ["payments.refund"]

/** What a query must have. */
const queries: Readonly<Record<string, string>> = {
  "offline.bundle": "?gate=A",
  "orders.guestTickets": "?guest_id=1"
}

interface Route {
  readonly name: string
  readonly method: string
  readonly path: string
  readonly statuses: ReadonlySet<number>
  readonly isClients: boolean
  readonly payload: boolean
}

const routesOf = (): ReadonlyArray<Route> => {
  const routes: Array<Route> = []
  HttpApi.reflect(Api, {
    onGroup: () => {},
    onEndpoint: ({ endpoint, errors, group, successes }) => {
      const middlewares = endpoint.middlewares as ReadonlySet<unknown>
      routes.push({
        name: `${group.identifier}.${(endpoint as HttpApiEndpoint.Top).identifier}`,
        method: endpoint.method,
        path: endpoint.path,
        // A stream is no success that has a schema of its own.
        statuses: new Set([...(successes.size === 0 ? [200] : successes.keys()), ...errors.keys()]),
        isClients: middlewares.has(Authorization),
        payload: endpoint.payload.size > 0
      })
    }
  })
  return routes
}

const routes = routesOf()

const clientRoutes = routes.filter(({ isClients, name }) => isClients && !elsewhere.includes(name))

const names = (path: string): ReadonlyArray<string> => [...path.matchAll(/:(\w+)/g)].map(([, name]) => name!)

const shared: Readonly<Record<string, unknown>> = { template_id: 1, guest_id: 1 }

const pathOf = ({ name, path }: Route, ids: Possessions): string =>
  path.replaceAll(/:(\w+)/g, (_, param: string) => String({ ...shared, ...ids }[param])) +
  (queries[name] ?? "")

/** The statements that each request asks of the database, by the request's id. */
const asked = new Map<string, Array<string>>()

const recordingLayer = Layer.succeed(
  Statement.CurrentTransformer,
  (statement, _sql, fiber) =>
    Effect.sync(() => {
      const { requestId } = fiber.getRef(References.CurrentLogAnnotations)
      const [text] = statement.compile(true)
      // A token is looked up when it was not of late, whatever is asked for.
      if (typeof requestId === "string" && !text.includes("FROM tokens")) asked.get(requestId)?.push(text)
      return statement
    })
)

/**
 * What a route says of these ids and asks of the database for it: the ids themselves and whatever names the one request
 * are left out. The same statements take the same time, which a clock on a busy machine would not show.
 */
const ask = Effect.fnUntraced(function* (route: Route, ids: Possessions, token: string | undefined) {
  const app = yield* TestApp
  const picture = pictures.includes(route.name)
  const requestId = `matrix-${asked.size}`
  const statements: Array<string> = []
  asked.set(requestId, statements)
  const body = picture ? "no picture" : bodies[route.name]?.(ids)
  const response = yield* app.fetch(pathOf(route, ids), {
    method: route.method,
    headers: {
      "x-request-id": requestId,
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(keyed.includes(route.name) ? { "idempotency-key": requestId } : {}),
      ...(body === undefined ? {} : { "content-type": contentTypes[route.name] ?? "application/json" })
    },
    ...(body === undefined ? {} : { body: picture ? String(body) : JSON.stringify(body) })
  })
  if ((response.headers.get("content-type") ?? "").startsWith("text/event-stream")) {
    yield* Effect.promise(() => response.body!.cancel())
    return { status: response.status, said: "", headers: {}, statements }
  }
  const text = yield* Effect.promise(() => response.text())
  const own = new Set([...Object.values(ids).map(String), requestId])
  const said = text.replaceAll(/"(instance|decided_at)":"[^"]*"|"took_ms":\d+/g, "").replaceAll(
    /[A-Za-z0-9_-]+/g,
    (word) => own.has(word) ? "id" : word
  )
  const headers = Object.fromEntries(
    [...response.headers].filter(([name]) => !["x-request-id", "date", "content-length"].includes(name))
  )
  return { status: response.status, said, headers, statements }
})

const hour = 3_600_000

const TestLayer = TestAppLayer.layer.pipe(Layer.provide(recordingLayer))

layer(TestLayer, { excludeTestServices: true })("the routes", (it) => {
  it.effect("are all in the matrix, with what they need", () =>
    Effect.sync(() => {
      const known = new Set([...Object.keys(absent), ...Object.keys(shared)])
      for (const { name, path, payload } of clientRoutes) {
        assert.deepStrictEqual(names(path).filter((param) => !known.has(param)), [], name)
        assert.isTrue(!payload || name in bodies || pictures.includes(name), `${name} has no body here`)
      }
      const strangers = [
        ...elsewhere,
        ...pictures,
        ...keyed,
        ...Object.keys({ ...bodies, ...queries, ...contentTypes })
      ]
      assert.deepStrictEqual(strangers.filter((name) => !routes.some((route) => route.name === name)), [])
      assert.isAbove(clientRoutes.length, 30)
    }))

  it.effect("answer whoever they do not know alike, and say nothing of what they have", () =>
    Effect.gen(function* () {
      const tokens = yield* TokenStore
      const revoked = yield* tokens.create({ role: "admin", subject: "root" })
      yield* tokens.revoke(revoked.tokenId)
      const expired = yield* tokens.create({
        role: "admin",
        subject: "root",
        expiresAt: DateTime.makeUnsafe(Date.now() - hour)
      })
      const alice = yield* organiser("alice-known", 71_401)
      const identities = [
        undefined,
        "gct_garbage",
        Redacted.value(revoked.token),
        Redacted.value(expired.token)
      ]
      for (const route of routes) {
        const ids = [alice.owns, absent]
        const answers = yield* Effect.forEach(
          identities.flatMap((token) => ids.map((own) => [own, token] as const)),
          ([own, token]) => ask(route, own, token)
        )
        const first = { ...answers[0], statements: [] }
        for (const answer of answers) {
          if (!route.isClients) assert.notInclude([200, 202], answer.status, route.name)
          else assert.strictEqual(answer.status, 401, route.name)
          if (route.isClients) assert.deepStrictEqual({ ...answer, statements: [] }, first, route.name)
        }
      }
    }))

  it.effect("tell nobody apart what is another's and what is not there", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      const tokens = yield* TokenStore
      const alice = yield* organiser("alice", 71_501)
      const bob = yield* organiser("bob", 71_502)
      const made = (holder: NewToken) =>
        Effect.map(tokens.create(holder), ({ token }) => Redacted.value(token))
      const operator = { role: "operator", subject: "steward", owner: "alice" } as const
      const identities = {
        organizer: alice.token,
        "another token of the organizer": yield* made({ role: "organizer", subject: "alice" }),
        "an operator of the event": yield* made({ ...operator, events: [71_501] }),
        "an operator of one gate": yield* made({ ...operator, events: [71_501], gates: ["A"] }),
        "an operator of no event": yield* made({ ...operator, events: [] }),
        "a supervisor of the event": yield* made({ ...operator, role: "supervisor", events: [71_501] }),
        "a supervisor of no event": yield* made({ ...operator, role: "supervisor", events: [] })
      }
      const wrong: Array<string> = []
      for (const [who, token] of Object.entries(identities)) {
        for (const route of clientRoutes) {
          yield* ask(route, absent, token)
          const foreign = yield* ask(route, bob.owns, token)
          const nobodys = yield* ask(route, absent, token)
          const what = `${route.name} as ${who}: ${foreign.status}`
          if (JSON.stringify(foreign) !== JSON.stringify(nobodys)) {
            wrong.push(`${what} differs: ${JSON.stringify([foreign, nobodys])}`)
          }
          if (!route.statuses.has(foreign.status)) wrong.push(`${what} is not declared`)
          if (names(route.path).some((name) => name in absent) && ![403, 404].includes(foreign.status)) {
            wrong.push(`${what} is no refusal`)
          }
        }
      }
      for (const route of clientRoutes) {
        const { status } = yield* ask(route, alice.owns, alice.token)
        const what = `${route.name} of one's own: ${status}`
        if (!route.statuses.has(status)) wrong.push(`${what} is not declared`)
        const isRefused = [401, 403, 404].includes(status)
        if (isRefused !== route.name.startsWith("tokens.")) wrong.push(what)
      }
      for (const route of clientRoutes.filter(({ method }) => method === "GET")) {
        const { status } = yield* ask(route, bob.owns, app.admin)
        if ([401, 403, 404].includes(status)) wrong.push(`${route.name} as admin: ${status}`)
      }
      assert.deepStrictEqual(wrong, [])
      assert.isAbove([...asked.values()].flat().length, 200)
    }))
})
