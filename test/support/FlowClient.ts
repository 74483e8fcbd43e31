/** Flow 6 as an organiser's program drives it: start, follow the feed to its end, read the status. */
import { assert } from "@effect/vitest"
import { Effect, Schedule, type Schema } from "effect"
import { SqlClient } from "effect/sql"
import * as Fs from "node:fs"
import * as Path from "node:path"
import documented from "../fixtures/bodies/6-complete-flow.request.json" with { type: "json" }
import { type Answer, TestApp } from "./TestApp.ts"
import { spoiled } from "./Witness.ts"

type Json = Schema.Json

/** The documented body's members, each of which a test may change. */
export type FlowBody = typeof documented

/** Changes to the documented body, section by section; arrays are replaced. */
export type Changes = { readonly [Section in keyof FlowBody]?: Partial<FlowBody[Section]> | Json }

const merge = (section: unknown, change: unknown): unknown =>
  typeof section === "object" && section !== null && !Array.isArray(section)
    ? { ...section, ...(change as object) }
    : change

/** The documented body for another event, so that flows of one app do not meet. */
export const bodyFor = (eventId: number, changes: Changes = {}): Record<string, Json> => {
  const body = structuredClone(documented) as unknown as Record<string, unknown>
  for (const [section, change] of Object.entries(changes)) body[section] = merge(body[section], change)
  body["event_data"] = { ...(body["event_data"] as object), event_id: eventId }
  return body as Record<string, Json>
}

/** The documented guests with these names; ids count from 1. */
export const guestsNamed = (...names: ReadonlyArray<string>) =>
  names.map((name, at) => ({
    ...documented.guests[at % documented.guests.length]!,
    guest_id: at + 1,
    name,
    ...(name === unwritable ? { ticket_type: spoiled } : {}),
    email: `guest${at + 1}@example.com`
  }))

/** One server-sent event. */
export interface FeedItem {
  readonly id: number
  readonly event: string
  // deno-lint-ignore no-explicit-any
  readonly data: any
}

/** The events of an SSE body, comments left out. */
export const parseFeed = (text: string): ReadonlyArray<FeedItem> =>
  text.split("\n\n").filter((block) => block.includes("data:")).map((block) => {
    const lines = block.split("\n")
    const field = (name: string) =>
      lines.filter((line) => line.startsWith(`${name}:`)).map((line) =>
        line.slice(name.length + 1).trimStart()
      )
        .join("\n")
    return { id: Number(field("id")), event: field("event"), data: JSON.parse(field("data")) }
  })

/** A feed from its beginning, or after an event, to its close. */
export const follow = Effect.fn("FlowClient.follow")(function* (url: string, after?: number) {
  const app = yield* TestApp
  const answer = yield* app.ask(url, {
    token: app.organizer,
    ...(after === undefined ? {} : { headers: { "last-event-id": String(after) } })
  })
  assert.strictEqual(answer.status, 200, answer.text)
  return parseFeed(answer.text)
})

/** Accepts the body as alice and checks the documented answer. */
export const start = Effect.fn("FlowClient.start")(
  function* (body: Json, headers: Record<string, string> = {}) {
    const app = yield* TestApp
    const answer = yield* app.ask("/api/orchestration/complete-flow", { token: app.organizer, body, headers })
    assert.strictEqual(answer.status, 202, answer.text)
    return answer
  }
)

/** A finished flow: its status resource, its steps by name and its feed. */
export interface Finished {
  readonly accepted: Answer
  // deno-lint-ignore no-explicit-any
  readonly flow: any
  // deno-lint-ignore no-explicit-any
  readonly steps: Record<string, any>
  readonly feed: ReadonlyArray<FeedItem>
}

/** An accepted flow when its feed is closed. */
export const finished = Effect.fn("FlowClient.finished")(
  function* (accepted: Answer): Effect.fn.Return<Finished, never, TestApp> {
    const app = yield* TestApp
    const feed = yield* follow(accepted.json.events_url)
    const { json: flow } = yield* app.ask(accepted.json.status_url, { token: app.organizer })
    // deno-lint-ignore no-explicit-any
    const steps = Object.fromEntries(flow.steps.map((step: any) => [step.step, step]))
    return { accepted, flow, steps, feed }
  }
)

/** Starts a flow and waits until its feed is closed. */
export const run = (body: Json) => Effect.flatMap(start(body), finished)

/** A flow that nobody pays, finished because its deadline has passed when it waited for the payment alone. */
export const runOverdue = Effect.fn("FlowClient.runOverdue")(function* (body: Json, ago = "1 second") {
  const sql = yield* SqlClient.SqlClient
  const accepted = yield* start(body)
  yield* until(read(accepted.json.status_url), ({ json }) => {
    const step = (name: string) => json.steps.find(({ step }: { step: string }) => step === name)
    return json.payment_id !== null && step("tickets").status === "completed" &&
      step("payment").status === "running"
  })
  yield* sql`
    UPDATE flows SET deadline = now() - ${ago}::interval WHERE flow_id = ${accepted.json.flow_id}`
  return yield* finished(accepted)
})

/** Asks again, ten times a second, until the answer fits: where no feed tells. */
export const until = <A, E, R>(
  ask: Effect.Effect<A, E, R>,
  fits: (answer: A) => boolean
): Effect.Effect<A, E, R> => Effect.repeat(ask, { until: fits, schedule: Schedule.spaced("100 millis") })

/** A resource as alice reads it. */
export const read = (path: string) =>
  Effect.flatMap(TestApp, (app) => app.ask(path, { token: app.organizer }))

/** The messages in the app's outbox whose file name starts with a reason, by file name. */
export const outbox = (reason: string) =>
  Effect.map(TestApp, ({ directory }) => {
    const folder = Path.join(directory, "outbox")
    const names = Fs.existsSync(folder) ? Fs.readdirSync(folder) : []
    const ours = names.filter((name) => name.startsWith(reason) && !name.endsWith(".tmp")).sort()
    return Object.fromEntries(ours.map((name) => [name, Fs.readFileSync(Path.join(folder, name), "utf8")]))
  })

/** The steps' names and states. */
export const statuses = ({ steps }: Finished) =>
  Object.fromEntries(Object.entries(steps).map(([name, step]) => [name, step.status]))

/** The tickets of a flow's generation job, as alice reads them. */
export const ticketsOf = Effect.fnUntraced(function* ({ flow }: Finished) {
  const job = (yield* read(`/api/tickets/generation-jobs/${flow.job_id}`)).json
  return yield* Effect.forEach(
    job.tickets as ReadonlyArray<{ ticket_id: number }>,
    ({ ticket_id }) => Effect.map(read(`/api/tickets/${ticket_id}`), ({ json }) => json)
  )
})

/** The payment of a flow, once it has this state. */
export const paymentOf = ({ flow }: Finished, status: string) =>
  Effect.map(
    until(read(`/api/payments/${flow.payment_id}`), ({ json }) => json.status === status),
    ({ json }) => json
  )

/** One line of a flow's ledger. */
export interface Line {
  readonly type: string
  readonly channel: string
  readonly guest_id: number
  readonly status: string
  readonly reason: string | null
}

/** The ledger of a flow's messages. */
export const messagesOf = ({ accepted }: Finished) =>
  Effect.map(
    read(`${accepted.json.status_url}/messages`),
    ({ json }) => json.messages as ReadonlyArray<Line>
  )

/** Whose ticket cannot be drawn, while `spoilTickets` is in front of the core. */
export const unwritable = "Nobody"

/** The documented guests, the first of them with the local part that tells the sandbox what to do. */
export const payer = (local: string) =>
  guestsNamed("John Doe", "Jane Smith").map((guest, at) =>
    at === 0 ? { ...guest, email: `${local}@example.com` } : guest
  )
