/**
 * A generation job outlasts kill -9 of the worker, of the core, of Redis and of PostgreSQL: it completes, every ticket
 * has one file, no guest gets two notices. `GUICHET_TEST_JOB=2000` makes it a job of so many tickets, kills one thing a
 * job, and has a tenth of its guests wait for a notice; without it there are a few chunks, and one job meets every kill.
 *
 * The guards: a chunk leaves its queue once its report is durable (GeneratorWorker), a worker's claim ends with it
 * (QueueLocks), a report is kept before it is answered (WebhooksHttp), an item is decided once (JobStore.applyBatch), a
 * message has one id (Notifier), the queue is on the store that was asked for (GeneratorQueue).
 */
import { describe, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import * as fc from "fast-check"
import process from "node:process"
import { chunkSize } from "../../src/store/jobs/JobStore.ts"
import { embedded, type Installation } from "../support/Installation.ts"
import { type Mortal, mortal } from "../support/Mortal.ts"
import { hasPostgres, ownPostgres } from "../support/OwnPostgres.ts"
import { hasRedis, ownRedis } from "../support/OwnRedis.ts"
import { queueProof } from "../support/QueueProof.ts"
import { type Part, serve } from "../support/Served.ts"
import { audit } from "../support/TicketJobAudit.ts"
import { begun, ended, installationAt, issued, noticed, reported } from "../support/TicketJobRun.ts"

const asked = Number(process.env.GUICHET_TEST_JOB ?? 0)
const limit = asked === 0 ? 300_000 : 1_800_000
/** Chooses the moments and the order; another number chooses others. */
const seed = Number(process.env.GUICHET_TEST_SEED ?? 1)
const chosen = <A>(from: ReadonlyArray<A>, count: number): Array<A> =>
  fc.sample(fc.shuffledSubarray([...from], { minLength: count, maxLength: count }), { seed, numRuns: 1 })[0]!

/** After so many reports of the generator, or as soon as the first notice is on its way. */
type Moment = number | "notice"

/** Moments in the middle of a job of so many tickets, in order. */
const midway = (tickets: number, count: number): ReadonlyArray<Moment> =>
  chosen(Array.from({ length: Math.ceil(tickets / chunkSize) - 1 }, (_, at) => at + 1), count)
    .sort((a, b) => a - b)

/** What is killed and started again. */
type Victim = Omit<Mortal<unknown>, "now">

/** Where a job runs: what its processes are given, which they are, and what else can be killed. */
interface Site<Name extends string> {
  readonly installation: Installation
  readonly env: Readonly<Record<string, string>>
  readonly parts: ReadonlyArray<Part | "all">
  readonly others: Readonly<Record<Name, Victim>>
  /** The server, when the queue is on Redis. */
  readonly redisUrl?: string
}

type Blows<Name extends string> = ReadonlyArray<
  readonly [moment: Moment, victim: NoInfer<Name> | Part | "all"]
>

const outlasts = <Name extends string>(
  made: Effect.Effect<Site<Name>, never, Scope.Scope>,
  tickets: number,
  blows: Blows<Name>
) =>
  Effect.gen(function* () {
    const { env, installation, others, parts, redisUrl } = yield* made
    const ticketIds = yield* issued(installation, tickets)
    const served = yield* Effect.forEach(parts, (part) => mortal(serve(env, part)), { concurrency: 3 })
    const core = () => served[0]!.now()
    const token = yield* installation.token
    const run = yield* begun(core(), token, ticketIds, asked / 10 || 10)
    for (const [moment, name] of blows) {
      yield* moment === "notice" ? noticed(installation) : reported(core, token, run, moment)
      const victim = others[name as Name] ?? served[parts.indexOf(name as Part)]
      yield* victim!.die
      yield* victim!.rise
    }
    yield* ended(core, token, run)
    yield* Effect.forEach(served, ({ die }) => die, { discard: true })
    const emptied = blows.some(([, name]) => name === "emptied")
    yield* audit(installation, run, { emptied })
    yield* Effect.provide(
      queueProof(redisUrl === undefined ? "sql" : "redis", redisUrl, { emptied }),
      installation.database
    )
  })

const parts = ["core", "notifications", "tickets"] as const

/** A core, a worker and the notification service on a PostgreSQL of their own; the queue in Redis or beside the rest. */
const apart = (queue: "redis" | "sql") =>
  Effect.gen(function* () {
    const postgres = yield* ownPostgres
    const redis = yield* ownRedis
    const installation = yield* installationAt(postgres.url)
    const others = { postgres, redis }
    if (queue === "sql") return { installation, env: installation.env, parts, others }
    const env = { ...installation.env, REDIS_URL: redis.url }
    return { installation, env, parts, others, redisUrl: redis.url }
  })

/** One process on the embedded database, which soon misses what is not reported; a Redis that comes back empty. */
const together = Effect.gen(function* () {
  const installation = yield* embedded
  const { die, lose, rise, url } = yield* ownRedis
  const env = { ...installation.env, REDIS_URL: url, TICKET_JOB_QUIET: "1 second" }
  const others = { emptied: { die: Effect.andThen(die, lose), rise } }
  return { installation, env, parts: ["all"] as const, others, redisUrl: url }
})

const able = hasPostgres() && hasRedis()
if (asked === 0) process.stdout.write("tests are skipped: GUICHET_TEST_JOB is not set, no job of 2,000\n")

describe.skipIf(!able || asked > 0).concurrent("kill -9 in the middle of one generation job", () => {
  const victims = chosen(["tickets", "core", "redis", "postgres"] as const, 4)
  const inTurn = midway(500, 4).map((moment, at) => [moment, victims[at]!] as const)
  it.live("of the worker, the core, Redis and PostgreSQL", () => outlasts(apart("redis"), 500, inTurn), limit)

  const atOnce = [[1, "emptied"], [1, "all"], ["notice", "all"]] as const
  it.live(
    "of a Redis that comes back empty, of all the rest with it, and again while its notices are sent",
    () => outlasts(together, 300, atOnce),
    limit
  )
})

/** Three times in the middle of the job. */
const thrice = <Name extends string>(victim: Name) =>
  midway(asked, 3).map((moment) => [moment, victim] as const)

describe.skipIf(!able || asked === 0)(`kill -9 in the middle of a job of ${asked}`, () => {
  for (const queue of ["redis", "sql"] as const) {
    for (const victim of ["tickets", "postgres"] as const) {
      it.live(
        `of ${victim}, the queue in ${queue}`,
        () => outlasts(apart(queue), asked, thrice(victim)),
        limit
      )
    }
  }

  it.live("of redis", () => outlasts(apart("redis"), asked, thrice("redis")), limit)

  it.live(
    "of core, also while its notices are sent",
    () => outlasts(apart("redis"), asked, [...thrice("core"), ["notice", "core"]]),
    limit
  )

  it.live(
    "of everything on the embedded database, also while its notices are sent",
    () => outlasts(together, asked, [...thrice("all"), ["notice", "all"]]),
    limit
  )

  it.live("of a redis that comes back empty", () => outlasts(together, asked, thrice("emptied")), limit)
})
