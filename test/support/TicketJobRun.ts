/** A generation job whose guests wait for a notice of their tickets, followed by a client that comes back. */
import { assert } from "@effect/vitest"
import { Effect, Layer, Redacted, Schedule, type Scope } from "effect"
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Database from "../../src/database/Database.ts"
import * as Migrations from "../../src/database/Migrations.ts"
import { TokenStore } from "../../src/store/TokenStore.ts"
import documentedJob from "../fixtures/bodies/1-generation-job.request.json" with { type: "json" }
import documentedSequence from "../fixtures/bodies/5-notification-flow.request.json" with { type: "json" }
import { GateStores, publish } from "./GateFixture.ts"
import type { Installation } from "./Installation.ts"
import { closed, freePortVariables, type Sent, type Served, temporaryDirectory } from "./Served.ts"
import { secrets } from "./TestApp.ts"
import { noLimits } from "./Unlimited.ts"

const eventId = 1

/** An installation on an empty database of that address, with the processes of a part each. */
export const installationAt = (url: string): Effect.Effect<Installation, never, Scope.Scope> =>
  Effect.gen(function* () {
    const directory = yield* temporaryDirectory
    const ports = yield* freePortVariables
    const addressOf = (port: string) => `http://127.0.0.1:${ports[port]}/api`
    const database = Layer.orDie(Database.layerPostgres({ url: Redacted.make(url), maxConnections: 2 }))
    const made = yield* Effect.andThen(
      Migrations.run,
      Effect.flatMap(TokenStore, (tokens) => tokens.create({ role: "admin", subject: "admin" }))
    ).pipe(Effect.provide(Layer.provideMerge(TokenStore.layer, database)), Effect.orDie)
    return {
      directory,
      env: {
        ...ports,
        ...noLimits,
        ...secrets(),
        CORE_URL: addressOf("CORE_PORT"),
        NOTIFICATION_SERVICE_URL: addressOf("NOTIFICATIONS_PORT"),
        TICKET_GENERATOR_URL: addressOf("TICKETS_PORT"),
        GUICHET_DATA: directory,
        DATABASE_URL: url
      },
      database,
      token: Effect.succeed(Redacted.value(made.token))
    }
  })

/** Publishes the event with this many tickets, while no process runs, and answers their numbers. */
export const issued = ({ database }: Installation, count: number): Effect.Effect<ReadonlyArray<number>> =>
  Effect.andThen(Migrations.run, publish(eventId, count)).pipe(
    Effect.map((tickets) => tickets.map(({ id }) => id)),
    Effect.provide(Layer.provideMerge(GateStores, database)),
    Effect.orDie
  )

/** A job that was answered 202, and the sequences of its guests. */
export interface JobRun {
  readonly jobId: string
  readonly tickets: number
  readonly status: string
  readonly events: string
  readonly sequences: ReadonlyArray<string>
}

const noticeOf = (guest: number) => ({
  ...documentedSequence,
  event_id: eventId,
  user_id: guest,
  notification_sequence: documentedSequence.notification_sequence
    .filter(({ trigger }) => trigger === "ticket_creation")
    .map((step) => ({ ...step, delay_seconds: 0 })),
  retry_config: { max_retries: 10, retry_delay_seconds: 1 }
})

const accepted = Effect.fnUntraced(function* (core: Served, token: string, path: string, body: unknown) {
  const { json, status } = yield* core.ask(path, { token, body })
  assert.strictEqual(status, 202, JSON.stringify(json))
  return json
})

/** Starts a job of these tickets, after a sequence for each of the first guests. */
export const begun = Effect.fn("TicketJobRun.begun")(
  function* (core: Served, token: string, ticketIds: ReadonlyArray<number>, guests: number) {
    const sequences = yield* Effect.forEach(
      Array.from({ length: guests }, (_, at) => at + 1),
      (guest) => accepted(core, token, "/api/orchestration/notification-flow", noticeOf(guest)),
      { concurrency: 8 }
    )
    const job = yield* accepted(core, token, "/api/tickets/generation-jobs", {
      ticket_ids: ticketIds,
      options: { ...documentedJob.options, qrFormat: "png" }
    })
    const run: JobRun = {
      jobId: job.job_id,
      tickets: ticketIds.length,
      status: job.status_url,
      events: job.events_url,
      sequences: sequences.map(({ status_url }) => status_url)
    }
    return run
  }
)

/** As an organiser's program follows a feed: from its beginning, again whenever it ends too early. */
const followed = (core: () => Served, token: string, path: string, enough: () => (event: Sent) => boolean) =>
  Effect.suspend(() => {
    const reached = enough()
    let seen = false
    return Effect.map(
      core().follow(path, token, (event) => seen ||= reached(event)),
      () => seen
    )
  }).pipe(
    Effect.catchDefect(() => Effect.succeed(false)),
    Effect.repeat({ until: (seen) => seen, schedule: Schedule.spaced("250 millis") }),
    Effect.asVoid
  )

/** Waits until this many reports of the generator have been counted, or all: a crash may swallow one. */
export const reported = (core: () => Served, token: string, run: JobRun, reports: number) =>
  followed(core, token, run.events, () => {
    let seen = 0
    return (event) => closed(event) || event.kind === "tickets" && ++seen >= reports
  })

/** Waits until the first notice is on its way. */
export const noticed = ({ directory }: Installation): Effect.Effect<void> =>
  Effect.callback<void>((resume) => {
    const folder = Path.join(directory, "outbox")
    const watcher = Fs.watch(folder, () => look())
    const look = () => {
      if (!Fs.readdirSync(folder).some((name) => name.endsWith(".eml"))) return
      watcher.close()
      resume(Effect.void)
    }
    look()
    return Effect.sync(() => watcher.close())
  })

/** Waits until the job has ended and every sequence with it. */
export const ended = Effect.fn("TicketJobRun.ended")(
  function* (core: () => Served, token: string, run: JobRun) {
    yield* followed(core, token, run.events, () => closed)
    yield* Effect.forEach(run.sequences, (path) =>
      Effect.suspend(() => core().ask(path, { token })).pipe(
        Effect.repeat({
          until: ({ json, status }) => status === 200 && json.status !== "running",
          schedule: Schedule.spaced("250 millis")
        })
      ), { concurrency: 4, discard: true })
  }
)
