/**
 * Lists the files of this repository through which one piece of work goes, and their functions that run for it:
 * `deno run -A bench/Walk.ts scan`. The whole product runs in this process, on PostgreSQL at `DATABASE_URL_TEST` or on
 * the embedded database; the work is done until it is warm, then repeated under V8's precise coverage, and what ran
 * every time is listed. To add a walk, add an entry to `walks`: it prepares what it needs and answers how to do the work
 * once.
 */
import { Effect, Layer } from "effect"
import process from "node:process"
import body from "../test/fixtures/bodies/3-scan-validate.request.json" with { type: "json" }
import { dress } from "./support/BenchTickets.ts"
import { freshDatabase, seed, sqlAt, sqlEmbedded } from "./support/GateDatabase.ts"
import { codeOf } from "./support/GateTickets.ts"
import { clean, environment, run } from "./support/Server.ts"
import { common, startCounting } from "./support/CalledFunctions.ts"
import { runJob } from "./support/OrganiserClient.ts"
import { paymentWalk, stripeSecret } from "./support/PaymentWalk.ts"

const warmUps = 20
const repetitions = 10

/** Long enough for the generator to take a reported chunk from its queue. */
const acknowledgedMs = 300

/** A running product, with one event of a thousand tickets. */
interface Product {
  readonly core: string
  readonly payments: string
  readonly tokens: Readonly<Record<"operator" | "organizer", string>>
}

const out = (line: string) => process.stdout.write(`${line}\n`)

/** A piece of work, and what tells that it was done; that is not part of the walk. */
interface Work {
  readonly once: () => Promise<void>
  readonly verify?: () => Promise<void>
}

const post = async (url: string, token: string, json: unknown): Promise<unknown> => {
  const response = await fetch(url, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify(json)
  })
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`)
  return response.json()
}

const walks: Readonly<Record<string, (product: Product) => Promise<Work>>> = {
  /** A steward's device scans a printed code, and the guest is let in. */
  scan: ({ core, tokens }) => {
    let ticket = 0
    const once = async () => {
      const answer = await post(`${core}/api/scans/validate`, tokens.operator, {
        ...body,
        event_id: 1,
        ticket_code: codeOf(1, ++ticket)
      }) as { readonly result: string }
      if (answer.result !== "valid") throw new Error(`Answered ${JSON.stringify(answer)}`)
    }
    return Promise.resolve({ once })
  },
  /** Stripe says that a payment succeeded: it is settled and invoiced, and its flow goes on to its end. */
  payment: ({ core, payments, tokens }) => paymentWalk({ core, payments, token: tokens.organizer }),
  /** A job of three tickets, one chunk, is rendered in this thread and followed through its events to its end. */
  chunk: ({ core, tokens }) => {
    let ticket = 0
    const once = async () => {
      await runJob(core, tokens.organizer, [++ticket, ++ticket, ++ticket], () => undefined)
      await new Promise((resolve) => setTimeout(resolve, acknowledgedMs))
    }
    return Promise.resolve({ once })
  }
}

const name = process.argv[2] ?? ""
const walk = walks[name]
if (walk === undefined) throw new Error(`Name one of these walks: ${Object.keys(walks).join(", ")}`)

const adminUrl = process.env.DATABASE_URL_TEST
const database = adminUrl === undefined ? undefined : await freshDatabase(adminUrl, "walk")
const env = await environment(database?.url)
await run(["migrate"], env)
const token = (role: string) => run(["token", "create", "--role", role, "--subject", "bench"], env)
const tokens = { operator: await token("operator"), organizer: await token("organizer") }
const sql = database === undefined ? sqlEmbedded(env.GUICHET_DATA ?? "") : sqlAt(database.url)
await sql([...seed([1_000]), ...dress([1])])

Object.assign(process.env, env, { STRIPE_WEBHOOK_SECRET: stripeSecret })
const { serveAll } = await import("../src/app/App.ts")
const { take } = await startCounting()

const program = Effect.gen(function* () {
  yield* Layer.build(serveAll)
  yield* Effect.promise(async () => {
    const work = await walk({
      core: `http://127.0.0.1:${env.CORE_PORT}`,
      payments: `http://127.0.0.1:${env.PAYMENTS_PORT}`,
      tokens
    })
    for (let time = 0; time < warmUps; time++) await work.once()
    const times = []
    for (let time = 0; time < repetitions; time++) {
      await take()
      await work.once()
      times.push(await take())
    }
    await work.verify?.()
    const called = common(times)
    for (const [file, names] of [...called].sort()) out(`${file}\n  ${[...names].join(", ")}`)
    const functions = [...called.values()].reduce((sum, names) => sum + names.size, 0)
    out(`${name}: ${called.size} files, ${functions} functions`)
  })
})

await Effect.runPromise(Effect.scoped(program) as Effect.Effect<void>)
clean(env)
await database?.[Symbol.asyncDispose]()
process.exit(0)
