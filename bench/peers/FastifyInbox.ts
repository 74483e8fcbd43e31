/**
 * A webhook's inbox as a good team writes it in an hour: Fastify, Stripe's own library for the signature, and one
 * statement of `pg`, after which the event is kept whatever happens; a repeat changes nothing. Its database is at
 * `DATABASE_URL`, the secret is `WEBHOOK_SECRET`. Prints its address once it listens.
 */
import type { Buffer } from "node:buffer"
import Fastify from "fastify"
import process from "node:process"
import pg from "pg"
import Stripe from "stripe"

const secret = process.env.WEBHOOK_SECRET ?? ""
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL })

await pool.query(`CREATE TABLE IF NOT EXISTS inbox (
  event_id text PRIMARY KEY,
  type text NOT NULL,
  body jsonb NOT NULL,
  received_at timestamptz NOT NULL DEFAULT now()
)`)

const keep = "INSERT INTO inbox (event_id, type, body) VALUES ($1, $2, $3) ON CONFLICT (event_id) DO NOTHING"

const server = Fastify()
server.removeAllContentTypeParsers()
server.addContentTypeParser(
  "application/json",
  { parseAs: "buffer" },
  (_request, body, done) => done(null, body)
)

server.post<{ Body: Buffer }>("/api/webhooks/stripe", async (request, reply) => {
  let event: Stripe.Event
  try {
    const signature = request.headers["stripe-signature"] ?? ""
    event = Stripe.webhooks.constructEvent(request.body, signature, secret)
  } catch {
    return await reply.code(400).send({ error: "signature" })
  }
  await pool.query({ name: "keep", text: keep, values: [event.id, event.type, request.body.toString()] })
  return { received: true }
})

process.stdout.write(`${await server.listen({ host: "127.0.0.1", port: 0 })}\n`)
