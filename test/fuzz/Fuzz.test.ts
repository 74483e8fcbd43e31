/**
 * Hostile requests to every route of the contract, from one seed, which is printed: no answer of 5xx, no end of the
 * process, the event loop never held for long, memory bounded. `FUZZ_SEED` and `FUZZ_RUNS` say which and how many; the
 * request of a failure comes back with its own seed and `FUZZ_RUNS=1`. Guards whose removal turns this file red: the
 * bound on depth, on elements, on errors that are listed, on strings before their patterns; the decoding of logos on a
 * thread; the linear reading of paths and idempotency keys.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { randomInt } from "node:crypto"
import { existsSync, readFileSync } from "node:fs"
import { loadavg } from "node:os"
import process from "node:process"
import { completed, start } from "../support/FlowRuns.ts"
import { embedded, postgres } from "../support/Installation.ts"
import { type Part, request, serve } from "../support/Served.ts"
import { secrets } from "../support/TestApp.ts"
import { serverUrl } from "../support/TestDatabase.ts"
import { complaintOf } from "./Complaints.ts"
import { reported } from "./Reported.ts"
import { type FuzzRequest, requestOf, stripeSecret, withoutSeed } from "./Requests.ts"
import { shrink } from "./Shrink.ts"

/** `deno task fuzz` runs by itself, as long as it is asked to and from another seed each time. */
const alone = process.env["FUZZ_ALONE"] !== undefined || process.env["FUZZ_RUNS"] !== undefined

const seed = Number(process.env["FUZZ_SEED"] ?? (alone ? randomInt(2 ** 31) : 20_261_130))
const runs = Number(process.env["FUZZ_RUNS"] ?? (alone ? 100_000 : 3_000))

/** Requests at the same time. */
const atOnce = 8

/** Mebibytes that the process may have more than before. */
const growth = 200

/**
 * The heap first grows to what the largest bodies need and is then collected: the process is weighed after the reported
 * cases and the first third of the requests. A leak goes on; over 40,000 requests the weight stays the same from the
 * 12,000th on.
 */
const warmUp = Math.floor(runs / 3)

interface Marks {
  readonly resident: number
  /** How often requests held the loop longer than the bound. */
  readonly held: number
}

/** Milliseconds that a request may hold the loop; more beside the suite's other files, and on a machine that is very busy. */
const heldAtMost = () => !alone || loadavg()[0]! > 20 ? 100 : 50

/** What `/metrics` says: of the histogram, the last bucket has all, and another those below its bound. */
const marksOf = (text: string, bound: number): Marks => {
  const bucket = /^guichet_event_loop_held_seconds_bucket\{(.*)\} (\d+)/gm
  let held = 0
  for (const [, labels = "", count = ""] of text.matchAll(bucket)) {
    if (labels.includes('by="background"')) continue
    if (labels.includes('le="+Inf"')) held += Number(count)
    if (labels.includes(`le="${bound / 1_000}"`)) held -= Number(count)
  }
  const resident = Number(/^guichet_resident_memory_bytes(?:\{.*\})? (\S+)/m.exec(text)?.[1] ?? Number.NaN)
  return { resident: resident / 2 ** 20, held }
}

/** What the system says of the process, as of now and at its most; where it does not say it, what `/metrics` said last. */
const memoryOf = (pid: number, { resident }: Marks): { readonly now: number; readonly peak: number } => {
  const path = `/proc/${pid}/status`
  if (!existsSync(path)) return { now: resident, peak: resident }
  const status = readFileSync(path, "utf8")
  const mebibytes = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1]) / 1_024
  return { now: mebibytes("VmRSS"), peak: mebibytes("VmHWM") }
}

const portOf = (env: Readonly<Record<string, string>>, part: Part): string =>
  `http://127.0.0.1:${env[`${part.toUpperCase()}_PORT`]}`

/** Each kind of complaint with its number, and the seeds of the first three. */
const summary = (complaints: ReadonlyArray<readonly [kind: string, seed: number]>): string =>
  [...Map.groupBy(complaints, ([kind]) => kind)]
    .sort(([, some], [, others]) => others.length - some.length)
    .map(([kind, all]) =>
      `${all.length} x ${kind} (seeds ${all.slice(0, 3).map(([, one]) => one).join(", ")})`
    )
    .join("\n")

describe("the contract", () => {
  it("has a valid body for every route that takes one", () => {
    assert.deepStrictEqual(withoutSeed(), [])
  })

  it("gives a failure back as the smallest body that was found", async () => {
    const body = {
      kept: [{ a: 1 }, { guilty: `${"x".repeat(900)}!`, b: { c: [1, 2, 3] } }],
      other: "y".repeat(500)
    }
    const bytes = new TextEncoder().encode(JSON.stringify(body))
    const small = await shrink(
      bytes,
      (one) => Promise.resolve(/"guilty":"[^"]*!"/.test(new TextDecoder().decode(one)))
    )
    assert.strictEqual(new TextDecoder().decode(small), `{"kept":[{"guilty":"!"}]}`)
    const raw = new Uint8Array(1_000).fill(0x7b, 700, 701)
    assert.isAtMost((await shrink(raw, (one) => Promise.resolve(one.includes(0x7b)))).length, 1)
  })

  it.live(`stands ${runs} hostile requests (FUZZ_SEED=${seed})`, () =>
    Effect.gen(function* () {
      const installation = yield* serverUrl === undefined ? embedded : postgres
      const env = { ...secrets(), ...installation.env, STRIPE_WEBHOOK_SECRET: stripeSecret }
      const served = yield* serve(env)
      const token = yield* installation.token
      const credentials = { token, env }
      yield* completed(served, token, [yield* start(served, token, 1)])
      const bound = heldAtMost()
      const marks = Effect.promise(async () =>
        marksOf(await (await fetch(`${served.core}/metrics`)).text(), bound)
      )
      const before = yield* marks
      const seeds = Array.from({ length: runs }, (_, at) => (seed + at) % 2 ** 31)
      const complaints: Array<readonly [string, number]> = []
      /** The smallest body that was found to be answered the same way. */
      const tell = (hostile: FuzzRequest, complaint: string) =>
        Effect.promise(async () => {
          const { bytes, route: { name, part }, url, withBytes } = hostile
          if (bytes === undefined || withBytes === undefined) return
          const origin = portOf(env, part)
          const small = await shrink(
            bytes,
            async (candidate) => await complaintOf(origin, withBytes(candidate)) === complaint
          )
          const shown = new TextDecoder().decode(small.slice(0, 2_000))
          process.stdout.write(
            `fuzz: ${complaint}: ${name} ${url.slice(0, 200)} ${small.length} bytes: ${shown}\n`
          )
        })
      const send = (hostile: FuzzRequest, one: number) =>
        Effect.gen(function* () {
          const complaint = yield* Effect.promise(() => complaintOf(portOf(env, hostile.route.part), hostile))
          if (complaint !== undefined) {
            if (complaints.length < 5) yield* tell(hostile, complaint)
            complaints.push([`${complaint}: ${hostile.kind}, ${hostile.route.name}`, one])
          }
        })
      if (runs > 1) {
        yield* Effect.forEach(reported(token), (hostile, at) => send(hostile, at), { discard: true })
      }
      const sendAll = (some: ReadonlyArray<number>) =>
        Effect.forEach(some, (one) => send(requestOf(one, credentials), one), {
          concurrency: atOnce,
          discard: true
        })
      yield* sendAll(seeds.slice(0, warmUp))
      const weight = memoryOf(served.child.pid, yield* marks)
      yield* sendAll(seeds.slice(warmUp))
      const alive = yield* request(`${served.core}/health/live`).pipe(Effect.sandbox, Effect.option)
      const held = [
        ...new Set(
          served.child.lines.filter((line) => line.includes("The event loop was held"))
            .map((line) => /"work":"([^"]+)"/.exec(line)?.[1] ?? line.slice(0, 200))
        )
      ]
      assert.strictEqual(
        summary(complaints) + (alive._tag === "None" ? "\nthe process ended" : ""),
        "",
        `FUZZ_SEED=${seed}; the loop was held by: ${held.join(", ")}; ${
          served.child.lines.slice(-5).join("\n")
        }`
      )
      const after = yield* marks
      const { now, peak } = memoryOf(served.child.pid, after)
      const times = after.held - before.held
      process.stdout.write(
        `fuzz: FUZZ_SEED=${seed}, ${runs} requests; memory ${Math.round(weight.now)} -> ` +
          `${Math.round(now)} MiB, ${
            Math.round(peak)
          } at most; the loop was held ${times} times over ${bound} ms\n`
      )
      // The embedded database answers on this loop.
      if (serverUrl !== undefined) assert.strictEqual(times, 0, `held by: ${held.join(", ")}`)
      assert.isBelow(now - weight.now, growth)
    }).pipe(Effect.scoped), 240_000 + runs * 100)
})
