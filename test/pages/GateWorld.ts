/** A core on a port with an event that begins soon, its tickets, and a steward's token: what the pages are tried on. */
import { ConfigProvider, Context, Effect, FileSystem, Layer, Redacted } from "effect"
import { assert } from "@effect/vitest"
import { withCorePort } from "../../src/app/App.ts"
import { accessFragment } from "../../src/pages/AccessLink.ts"
import * as Platform from "../../src/Platform.ts"
import { TokenStore } from "../../src/store/TokenStore.ts"
import documented from "../fixtures/bodies/6-complete-flow.request.json" with { type: "json" }
import { freePorts } from "../support/Served.ts"
import { noLimits } from "../support/Unlimited.ts"

export class GateWorld extends Context.Service<GateWorld, {
  readonly core: string
  /** What opens the scanner and the board, behind their address. */
  readonly access: string
  readonly tickets: ReadonlyArray<
    { readonly ticket_code: string; readonly qr_data: string; readonly page_url: string }
  >
  readonly ask: (
    path: string,
    options?: { readonly method?: string; readonly body?: unknown }
    // deno-lint-ignore no-explicit-any
  ) => Promise<any>
  /** The same for another steward, whose token can be revoked. */
  readonly steward: (
    events?: ReadonlyArray<number>
  ) => Promise<{ readonly access: string; readonly revoke: () => Promise<unknown> }>
}>()("test/pages/GateWorld") {}

const names = ["Zoë", "João", "Amélie", "Inès", "Jürgen", "Łukasz", "Søren", "Ana", "Paul", "Mia"].map((
  name
) => `${name} Martin`)

const body = () => ({
  ...documented,
  event_data: { ...documented.event_data, date: new Date(Date.now() + 3_600_000).toISOString() },
  guests: names.map((name, at) => ({
    guest_id: at + 1,
    name,
    email: `guest${at + 1}@example.com`,
    phone: null,
    ticket_type: "Standard"
  })),
  payment_config: { ...documented.payment_config, amount: 0 }
})

/** Starts it on the embedded database, which dies with it. */
const open = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const directory = yield* Effect.orDie(fs.makeTempDirectoryScoped({ prefix: "guichet-pages-" }))
  const [port] = yield* freePorts(1)
  const core = `http://127.0.0.1:${port}`
  const context = yield* Layer.build(Layer.provide(
    withCorePort,
    ConfigProvider.layer(ConfigProvider.fromUnknown({
      ...noLimits,
      GUICHET_DATA: directory,
      CORE_PORT: String(port),
      PUBLIC_URL: core,
      LOG_LEVEL: "error",
      LOG_FORMAT: "json"
    }))
  )).pipe(Effect.orDie)
  const tokens = yield* Effect.provideContext(TokenStore, context)
  const organizer = yield* tokens.create({ role: "organizer", subject: "alice" })
  const ask: GateWorld["Service"]["ask"] = async (path, { body, method } = {}) => {
    const response = await fetch(`${core}${path}`, {
      method: method ?? (body === undefined ? "GET" : "POST"),
      headers: {
        authorization: `Bearer ${Redacted.value(organizer.token)}`,
        ...(body === undefined ? {} : { "content-type": "application/json" })
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) })
    })
    const text = await response.text()
    return text.startsWith("{") ? JSON.parse(text) : text
  }
  const tickets = yield* Effect.promise(async () => {
    const { events_url, status_url } = await ask("/api/orchestration/complete-flow", { body: body() })
    assert.isString(events_url)
    await ask(events_url)
    const flow = await ask(status_url)
    assert.strictEqual(flow.status, "completed", JSON.stringify(flow))
    return Promise.all(names.map((_, at) => ask(`/api/tickets/${at + 1}`)))
  })
  const steward = (events: ReadonlyArray<number> = [1]) =>
    Effect.runPromise(Effect.map(
      tokens.create({ role: "operator", subject: "steward", owner: "alice", events, gates: ["A"] }),
      ({ token, tokenId }) => ({
        access: accessFragment({
          token: Redacted.value(token),
          event: events[0] ?? 1,
          organizer: "alice",
          gate: "A",
          operator: "steward"
        }),
        revoke: () => Effect.runPromise(tokens.revoke(tokenId))
      })
    ))
  const { access } = yield* Effect.promise(() => steward())
  return GateWorld.of({ core, access, tickets, ask, steward })
}).pipe(Effect.provide(Platform.services), Effect.orDie)

/** One for all tests of a file: each takes tickets of its own. */
export const layer = Layer.effect(GateWorld, open)
