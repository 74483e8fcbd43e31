/** A small API with every rule of the house on it, in memory, for the tests of the house. */
import { Context, Effect, Layer, Option, Redacted, Schema } from "effect"
import { EntityAddress, EntityId, EntityType, ShardId } from "effect/cluster"
import { MailboxFull } from "effect/cluster/ClusterError"
import { HttpRouter, HttpServer, HttpServerResponse } from "effect/http"
import {
  HttpApi,
  HttpApiBuilder,
  HttpApiEndpoint,
  HttpApiError,
  HttpApiGroup,
  HttpApiSchema
} from "effect/http-api"
import { Authorization } from "../../src/api/rules/Authorization.ts"
import { CurrentCaller, requireRole } from "../../src/api/rules/CurrentCaller.ts"
import { toWebHandler, type WebHandler } from "../../src/http/ServerRules.ts"
import { Idempotency, IdempotencyKey } from "../../src/api/rules/Idempotency.ts"
import { noStore } from "../../src/http/NoStore.ts"
import { parsing, ProblemMiddleware } from "../../src/http/ProblemMiddleware.ts"
import { Conflict, Forbidden, fromCluster, NotFound, Unavailable } from "../../src/http/Problems.ts"
import { IdempotencyStore } from "../../src/store/IdempotencyStore.ts"
import { TokenStore } from "../../src/store/TokenStore.ts"
import { unlimited } from "../support/Unlimited.ts"
import * as TestDatabase from "../support/TestDatabase.ts"

const Guest = Schema.Struct({ email: Schema.String, age: Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)) })

/** A domain error as a contract declares it. */
export class GuestListClosed extends HttpApiError.Problem<GuestListClosed>()("GuestListClosed", {
  type: "/problems/guest-list-closed",
  status: 409,
  title: "Guest list closed"
}, { event: Schema.Int }) {}

const Guests = HttpApiGroup.make("guests")
  .add(
    HttpApiEndpoint.post("register", "/api/guests/", {
      payload: Schema.Struct({ guests: Schema.Array(Guest), mode: Schema.optionalKey(Schema.String) }),
      success: HttpApiSchema.WithHeaders(
        Schema.Struct({ run: Schema.Int, key: Schema.NullOr(Schema.String) }).pipe(HttpApiSchema.status(202)),
        { location: Schema.String }
      ),
      error: [Conflict, GuestListClosed, Unavailable]
    }),
    HttpApiEndpoint.get("guest", "/api/guests/:id", {
      params: { id: Schema.NumberFromString.check(Schema.isInt()) },
      query: { limit: Schema.optionalKey(Schema.NumberFromString.check(Schema.isInt())) },
      success: Schema.Struct({ subject: Schema.String }),
      error: [NotFound, Forbidden]
    })
  )
  .middleware(ProblemMiddleware)
  .middleware(Idempotency)
  .middleware(Authorization)

const Api = HttpApi.make("example").add(Guests).annotateMerge(parsing)

/** How many times the POST handler ran. */
export class Runs extends Context.Service<Runs, { count: number }>()("test/Runs") {}

const address = EntityAddress.make({
  shardId: ShardId.make("default", 1),
  entityType: EntityType.make("Event"),
  entityId: EntityId.make("7")
})

const GuestsLayer = HttpApiBuilder.group(
  Api,
  "guests",
  Effect.fnUntraced(function* (handlers) {
    const runs = yield* Runs
    return handlers.handleAll({
      register: Effect.fnUntraced(function* ({ payload }) {
        const run = ++runs.count
        const key = yield* IdempotencyKey
        switch (payload.mode) {
          case "conflict":
            return yield* new Conflict({ detail: "The event is over." })
          case "closed":
            return yield* new GuestListClosed({ event: 7 })
          case "die":
            return yield* Effect.die(new Error("canary-jean-dupont"))
          case "busy":
            return yield* fromCluster(Effect.fail(new MailboxFull({ address })))
          case "slow":
            return yield* fromCluster(Effect.never, { timeout: "10 millis" })
          case "hang":
            yield* Effect.never
        }
        return HttpApiSchema.withHeaders({
          body: { run, key: Option.getOrNull(Option.map(key, (value) => value.key)) },
          headers: { location: `/api/guests/${run}` }
        })
      }),
      guest: Effect.fnUntraced(function* ({ params }) {
        const caller = yield* CurrentCaller
        if (params.id === 404) return yield* new NotFound({ detail: "No guest has this id." })
        if (params.id === 1) yield* requireRole("admin")
        return { subject: caller.subject }
      }, noStore)
    })
  })
).pipe(
  Layer.provide([
    ProblemMiddleware.layer,
    Idempotency.layer,
    Authorization.layer.pipe(Layer.provide(unlimited))
  ])
)

const Raw = HttpRouter.add("GET", "/raw", Effect.succeed(HttpServerResponse.text("raw")))

/** The routes, for a server of one's own. */
export const ExampleRoutes = Layer.mergeAll(HttpApiBuilder.layer(Api).pipe(Layer.provide(GuestsLayer)), Raw)

/** The example server: its door, a token for it, and the store behind its keys. */
export class Example extends Context.Service<Example, {
  readonly fetch: WebHandler
  readonly token: string
  readonly operator: string
  readonly tokens: TokenStore["Service"]
}>()("test/Example") {}

/** The stores behind it. */
export const stores = Layer.mergeAll(
  TokenStore.layer,
  IdempotencyStore.layer,
  Layer.sync(Runs, () => ({ count: 0 }))
)

/** On a migrated database of its own. */
export const ExampleLayer = Layer.effect(
  Example,
  Effect.gen(function* () {
    const tokens = yield* TokenStore
    const fetch = yield* toWebHandler(ExampleRoutes)
    const organizer = yield* tokens.create({ role: "organizer", subject: "org-1" })
    const operator = yield* tokens.create({ role: "operator", subject: "op-1", events: [7], gates: ["A"] })
    return Example.of({
      fetch,
      tokens,
      token: Redacted.value(organizer.token),
      operator: Redacted.value(operator.token)
    })
  })
).pipe(
  Layer.provide(HttpServer.layerServices),
  Layer.provideMerge(stores),
  Layer.provideMerge(TestDatabase.layer)
)

/** Sends one request to the example server. */
export const send = (path: string, init: RequestInit = {}) =>
  Effect.gen(function* () {
    const { fetch, token } = yield* Example
    const headers = new Headers(init.headers)
    if (!headers.has("authorization")) headers.set("authorization", `Bearer ${token}`)
    const response = yield* Effect.promise(() =>
      fetch(new Request(`http://localhost${path}`, { ...init, headers }))
    )
    const text = yield* Effect.promise(() => response.text())
    return { status: response.status, headers: response.headers, text }
  })

const Members = Schema.fromJsonString(Schema.Record(Schema.String, Schema.Unknown))

/** The members of a JSON body. */
export const members = Schema.decodeUnknownSync(Members)

/** A POST of guests. */
export const post = (body: unknown, headers: Record<string, string> = {}, init: RequestInit = {}) =>
  send("/api/guests", {
    method: "POST",
    body: typeof body === "string" ? body : JSON.stringify(body),
    headers: { "content-type": "application/json", ...headers },
    ...init
  })
