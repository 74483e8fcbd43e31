/** Who takes webhooks in the bench: our payment webhook route, and the inbox of Fastify and `pg`. */
import process from "node:process"
import { freshDatabase, sqlAt } from "./GateDatabase.ts"
import { startPeer } from "./Peers.ts"
import { clean, environment, run, type Server, start } from "./Server.ts"
import type { Sender, WebhookPlan } from "./WebhookPlan.ts"

/** A started side on a database of its own, stopped and dropped when it is disposed of. */
export interface Receiver extends AsyncDisposable {
  readonly url: string
  readonly pid: number
  readonly sender: Sender
  readonly secret: string
  /** Stops it; fails unless it stored exactly so many deliveries. */
  readonly check: (acknowledged: number) => Promise<void>
}

export interface WebhookSide {
  readonly name: string
  readonly event: WebhookPlan["event"]
  readonly start: (adminUrl: string) => Promise<Receiver>
}

/** What differs between the sides. */
interface Program {
  readonly server: Server
  readonly path: string
  readonly sender: Sender
  readonly secret: string
  readonly table: string
}

const side = (
  name: string,
  event: WebhookPlan["event"],
  begin: (databaseUrl: string, resources: AsyncDisposableStack) => Promise<Program>
): WebhookSide => ({
  name,
  event,
  start: async (adminUrl) => {
    await using resources = new AsyncDisposableStack()
    const { url } = resources.use(await freshDatabase(adminUrl, name))
    const { path, secret, sender, server, table } = await begin(url, resources)
    resources.defer(server.stop)
    const kept = resources.move()
    return {
      url: `${server.url}${path}`,
      pid: server.pid,
      sender,
      secret,
      check: async (acknowledged) => {
        await server.stop()
        const [row] = await sqlAt(url)([`SELECT count(*)::int AS stored FROM ${table}`])
        const { stored } = row as { readonly stored: number }
        if (stored !== acknowledged) {
          throw new Error(`${name}: ${acknowledged} acknowledged, ${stored} stored`)
        }
      },
      [Symbol.asyncDispose]: () => kept.disposeAsync()
    }
  }
})

const guichet = async (databaseUrl: string, resources: AsyncDisposableStack): Promise<Program> => {
  const env = await environment(databaseUrl)
  resources.defer(() => clean(env))
  await run(["migrate"], env)
  return {
    server: await start(env),
    path: "/api/payment-webhook-routes/",
    sender: "payment-service",
    secret: env.PAYMENT_SERVICE_SECRET ?? "",
    table: "webhook_deliveries"
  }
}

/** `POST /api/payment-webhook-routes/` of the core with the event of flow 2: a payment is settled after each. */
export const ours: WebhookSide = side("ours", "decides", guichet)

/** The same with an event that is kept and decides nothing: the acknowledgement without the work that follows. */
export const oursKeptAlone: WebhookSide = side("ours_kept_alone", "ignored", guichet)

/** `bench/peers/FastifyInbox.ts`. */
export const fastify: WebhookSide = side("fastify", "decides", async (databaseUrl) => {
  const secret = `whsec_bench_${process.pid}`
  return {
    server: await startPeer("FastifyInbox.ts", {
      DATABASE_URL: databaseUrl,
      WEBHOOK_SECRET: secret,
      NODE_ENV: "production"
    }),
    path: "/api/webhooks/stripe",
    sender: "stripe",
    secret,
    table: "inbox"
  }
})
