/**
 * Limits as callers meet them. Guards whose removal turns this file red: each of the rates, the class of a route, the
 * wait that is said, the headers, the count of scans that the fast path shares with the contract, the tokens of others,
 * the organiser's own limit, the address of strangers, the token that was seen before, the scans that the fast path may
 * take.
 */
import { assert, describe, it, layer } from "@effect/vitest"
import { ConfigProvider, Effect, Layer, Option, Redacted } from "effect"
import { HttpServerRequest, HttpServerResponse } from "effect/http"
import { HttpApiEndpoint, HttpApiGroup } from "effect/http-api"
import { Api } from "../../src/api/Api.ts"
import { Authorization } from "../../src/api/rules/Authorization.ts"
import { Buckets } from "../../src/limits/Buckets.ts"
import { classOf } from "../../src/limits/LimitClasses.ts"
import { Limits } from "../../src/limits/Limits.ts"
import { TokenStore } from "../../src/store/TokenStore.ts"
import * as TestAppLayer from "../support/TestApp.ts"
import { type Answer, TestApp } from "../support/TestApp.ts"
import * as TestDatabase from "../support/TestDatabase.ts"

const tokenOf = (role: "operator" | "organizer", subject: string) =>
  Effect.flatMap(
    TokenStore,
    (tokens) =>
      Effect.map(tokens.create({ role, subject, owner: subject }), ({ token }) => Redacted.value(token))
  )

const many = (count: number, ask: Effect.Effect<Answer, never, TestApp>) =>
  Effect.all(Array.from({ length: count }, () => ask), { concurrency: "unbounded" })

const ask = (path: string, token: string, body?: unknown) =>
  Effect.flatMap(TestApp, (app) => app.ask(path, { token, ...(body === undefined ? {} : { body }) }))

const refusedOf = (answers: ReadonlyArray<Answer>) => answers.filter(({ status }) => status === 429)

const flows = "/api/orchestration/flows"

/** A tenth of a second's worth for a token: three reads at once, ten for an organiser. */
const settings = {
  LIMIT_READS: "0.5",
  LIMIT_WRITES: "0.4",
  LIMIT_SCANS: "1",
  LIMIT_WORK: "0.5",
  LIMIT_UPLOADS: "0.1"
}

const strict = TestAppLayer.layerWith(settings)

const strictLimits = Limits.layer.pipe(
  Layer.provide(Buckets.layerLocal),
  Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown(settings))),
  Layer.orDie
)

layer(strict, { excludeTestServices: true })("a caller over the limit", (it) => {
  it.effect("is refused with the time to wait, and others are not", () =>
    Effect.gen(function* () {
      const token = yield* tokenOf("organizer", "carol")
      const answers = yield* many(12, ask(flows, token))
      const allowed = answers.filter(({ status }) => status === 200)
      assert.isAtLeast(allowed.length, 3)
      assert.strictEqual(allowed[0]!.headers.get("ratelimit-policy"), `"reads";q=3;w=6`)
      assert.match(allowed[0]!.headers.get("ratelimit")!, /^"reads";r=[0-2];t=[0-6]$/)
      const [refused] = refusedOf(answers)
      assert.deepInclude(refused!.json, { type: "/problems/too-many-requests", status: 429 })
      assert.match(refused!.headers.get("retry-after")!, /^[12]$/)
      assert.strictEqual(Number(refused!.headers.get("retry-after")), refused!.json.retry_after)
      assert.match(refused!.headers.get("ratelimit")!, /^"reads";r=0;/)
      assert.strictEqual((yield* ask(flows, yield* tokenOf("organizer", "dave"))).status, 200)
      assert.strictEqual((yield* ask("/api/templates", token, {})).status, 405)
    }))

  it.effect("is an organiser too, with however many tokens, and its operators are not", () =>
    Effect.gen(function* () {
      const tokens = yield* Effect.forEach([1, 2, 3, 4, 5, 6], () => tokenOf("organizer", "erin"))
      const answers = yield* Effect.forEach(tokens, (token) => many(3, ask(flows, token)), {
        concurrency: "unbounded"
      })
      assert.isAbove(refusedOf(answers.flat()).length, 0)
      assert.include(refusedOf(answers.flat()).map(({ json }) => json.detail).join(), "Your organisation")
      const [operator] = yield* many(1, ask(flows, yield* tokenOf("operator", "erin")))
      assert.strictEqual(operator!.status, 403)
    }))

  it.effect("is counted by the class of the route", () =>
    Effect.gen(function* () {
      const token = yield* tokenOf("organizer", "frank")
      assert.isAbove(
        refusedOf(yield* many(12, ask("/api/orchestration/complete-flow", token, {}))).length,
        0
      )
      assert.strictEqual((yield* ask(flows, token)).status, 200)
      assert.isAbove(refusedOf(yield* many(9, ask("/api/scans/batch", token, {}))).length, 0)
      const scan = yield* many(12, ask("/api/scans/validate", token, {}))
      assert.isAbove(refusedOf(scan).length, 0)
      assert.isNull(scan.find(({ status }) => status !== 429)!.headers.get("ratelimit"))
    }))

  it.effect("finds no scan left that the fast path has counted", () =>
    Effect.gen(function* () {
      const app = yield* TestApp
      const created = yield* app.ask("/api/tokens", {
        token: app.admin,
        body: { role: "operator", subject: "steward", organizer: "alice", events: [1] }
      })
      assert.strictEqual(created.status, 201, created.text)
      const answers = yield* many(8, ask("/api/scans/validate", created.json.token, {}))
      assert.isAbove(refusedOf(answers).length, 0)
    }))

  it.effect("finds none left on the fast path either, which leaves the refusal to the contract", () =>
    Effect.gen(function* () {
      const limits = yield* Limits
      assert.isTrue(limits.takeScan("tok_fast"))
      const left = Array.from({ length: 20 }, () => limits.takeScan("tok_fast"))
      assert.include(left, false)
      assert.isTrue(limits.takeScan("tok_another"))
    }).pipe(Effect.provide(strictLimits)))
})

/** The routes of the contract that are limited otherwise than their method says. */
const otherwise: Readonly<Record<string, string>> = {
  "scans.validate": "scans",
  "scans.annul": "scans",
  "offline.bundle": "uploads",
  "offline.upload": "uploads",
  "cancellations.callOff": "work",
  "flows.start": "work",
  "messages.resend": "work",
  "messages.resendDead": "work",
  "messages.sendTicket": "work",
  "payments.refund": "work",
  "sequences.start": "work",
  "tickets.generate": "work",
  "tickets.retry": "work",
  "orders.tickets": "documents",
  "orders.guestTickets": "documents",
  "templates.setLogo": "documents"
}

describe("the class of a route", () => {
  it("is its method's, but for those that cost more or less", () => {
    const found = Object.values(Api.groups).flatMap((group) =>
      Object.values(group.endpoints).flatMap((endpoint) => {
        const byMethod = endpoint.method === "GET" ? "reads" : "writes"
        const limitClass = classOf(endpoint)
        return limitClass === byMethod ? [] : [[`${group.identifier}.${endpoint.identifier}`, limitClass]]
      })
    )
    assert.deepStrictEqual(Object.fromEntries(found), otherwise)
  })
})

const limited = Limits.layer.pipe(
  Layer.provide(Buckets.layerLocal),
  Layer.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({ LIMIT_STRANGERS: "0.5" })))
)

const AuthorizationLayer = Authorization.layer.pipe(
  Layer.provide(limited),
  Layer.provideMerge(Layer.provideMerge(TokenStore.layer, TestDatabase.layer))
)

const endpoint = HttpApiEndpoint.get("one", "/one")

/** A request of this token from this address, as the middleware sees it: the status of its answer. */
const sent = Effect.fnUntraced(function* (token: string, address: string) {
  const { bearer } = yield* Authorization
  const request = HttpServerRequest.fromWeb(new Request("http://localhost/one"))
  const options = { credential: Redacted.make(token), endpoint, group: HttpApiGroup.make("group") }
  const answer = bearer(
    Effect.succeed(HttpServerResponse.empty({ status: 200 })),
    options as unknown as Parameters<typeof bearer>[1]
  ) as unknown as Effect.Effect<
    HttpServerResponse.HttpServerResponse,
    { readonly status: number },
    HttpServerRequest.HttpServerRequest
  >
  return yield* answer.pipe(
    Effect.match({ onFailure: ({ status }) => status, onSuccess: ({ status }) => status }),
    Effect.provideService(
      HttpServerRequest.HttpServerRequest,
      request.modify({ remoteAddress: Option.some(address) })
    )
  )
})

layer(AuthorizationLayer, { excludeTestServices: true })("a stranger", (it) => {
  const guesses = Effect.forEach(
    Array.from({ length: 9 }, (_, n) => `gct_${n}`),
    (token) => sent(token, "198.51.100.7"),
    { concurrency: "unbounded" }
  )

  it.effect("guesses so many tokens from an address, and whoever was seen before goes on", () =>
    Effect.gen(function* () {
      const known = yield* tokenOf("organizer", "alice")
      assert.strictEqual(yield* sent(known, "198.51.100.7"), 200)
      const answers = yield* guesses
      assert.includeMembers(answers, [401, 429])
      assert.isAtMost(answers.filter((status) => status === 401).length, 7)
      assert.strictEqual(yield* sent(known, "198.51.100.7"), 200)
      assert.strictEqual(yield* sent("gct_other", "203.0.113.9"), 401)
    }))

  it.effect("is nobody whose token is good: it costs its address nothing", () =>
    Effect.gen(function* () {
      for (let n = 0; n < 12; n++) {
        assert.strictEqual(yield* sent(yield* tokenOf("organizer", "bob"), "203.0.113.50"), 200)
      }
    }))

  it.effect("is whoever sends a token that was revoked, once it was refused", () =>
    Effect.gen(function* () {
      const tokens = yield* TokenStore
      const { token, tokenId } = yield* tokens.create({ role: "organizer", subject: "mallory" })
      const text = Redacted.value(token)
      assert.strictEqual(yield* sent(text, "203.0.113.77"), 200)
      yield* tokens.revoke(tokenId)
      const answers = yield* Effect.forEach(
        Array.from({ length: 12 }),
        () => sent(text, "203.0.113.77"),
        { concurrency: 1 }
      )
      assert.include(answers, 429)
    }))
})
