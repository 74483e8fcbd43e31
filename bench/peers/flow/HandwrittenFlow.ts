/**
 * The document's complete flow as a capable team writes it by hand: Fastify, DBOS at its durable defaults, `pg`,
 * `qrcode`, pdf-lib and nodemailer. Its database is at `DATABASE_URL`, its files go to `DATA_DIR`, `API_KEY` lets
 * clients in. Prints its address once it is ready.
 */
import { DBOS, type WorkflowHandle } from "@dbos-inc/dbos-sdk"
import Fastify from "fastify"
import { randomUUID, timingSafeEqual } from "node:crypto"
import process from "node:process"
import Stripe from "stripe"
import { webhookSecret } from "./Bank.ts"
import { completeFlow, paymentIdOf, settledTopic } from "./CompleteFlow.ts"
import { type FlowRequest, flowRequestSchema } from "./FlowRequest.ts"
import { pool, settlePayment, tables } from "./Tables.ts"

const apiKey = Buffer.from(`Bearer ${process.env.API_KEY}`)

const isClient = (authorization = ""): boolean => {
  const given = Buffer.from(authorization)
  return given.length === apiKey.length && timingSafeEqual(given, apiKey)
}

/** Flows that this process runs: their end is heard here without asking the database. */
const running = new Map<string, WorkflowHandle<void>>()

const server = Fastify()

interface ById {
  readonly Params: { readonly id: string }
}

server.register((api, _options, done) => {
  api.addHook("onRequest", async (request, reply) => {
    if (!isClient(request.headers.authorization)) {
      await reply.code(401).send({ error: "unauthorized" })
    }
  })

  api.post<{ Body: FlowRequest }>(
    "/complete-flow",
    { schema: { body: flowRequestSchema } },
    async (request, reply) => {
      const id = randomUUID()
      const handle = await DBOS.startWorkflow(completeFlow, {
        workflowID: id,
        timeoutMS: request.body.orchestration_options.timeout_seconds * 1_000
      })(id, `${address}/api/webhooks/stripe`, request.body)
      running.set(id, handle)
      const forget = () => void running.delete(id)
      handle.getResult().then(forget, forget)
      const url = `/api/orchestration/flows/${id}`
      return await reply.code(202).send({
        flow_id: id,
        status_url: url,
        events_url: `${url}/end`
      })
    }
  )

  /** Answers when the flow has ended. */
  api.get<ById>("/flows/:id/end", async ({ params: { id } }, reply) => {
    await (running.get(id) ?? DBOS.retrieveWorkflow<void>(id)).getResult()
    return await reply.type("text/plain").send("ended\n")
  })

  api.get<ById>("/flows/:id", async ({ params: { id } }, reply) => {
    const [flow, steps = []] = await Promise.all([
      DBOS.getWorkflowStatus(id),
      DBOS.listWorkflowSteps(id)
    ])
    if (flow === null) {
      return await reply.code(404).send({ error: "not found" })
    }
    const iso = (at: number | undefined) => at === undefined ? null : new Date(at).toISOString()
    return {
      flow_id: id,
      payment_id: paymentIdOf(id),
      status: flow.status === "SUCCESS" ? "completed" : flow.status.toLowerCase(),
      steps: steps.map((
        { completedAtEpochMs, error, name, startedAtEpochMs }
      ) => ({
        step: name,
        status: error === null ? "completed" : "failed",
        started_at: iso(startedAtEpochMs),
        finished_at: iso(completedAtEpochMs)
      }))
    }
  })
  done()
}, { prefix: "/api/orchestration" })

server.register((webhooks, _options, done) => {
  webhooks.removeAllContentTypeParsers()
  webhooks.addContentTypeParser(
    "application/json",
    { parseAs: "buffer" },
    (_request, body, done) => done(null, body)
  )

  webhooks.post<{ Body: Buffer }>(
    "/api/webhooks/stripe",
    async (request, reply) => {
      let event: Stripe.Event
      try {
        const signature = request.headers["stripe-signature"] ?? ""
        event = Stripe.webhooks.constructEvent(
          request.body,
          signature,
          webhookSecret
        )
      } catch {
        return await reply.code(400).send({ error: "signature" })
      }
      if (event.type !== "payment_intent.succeeded") return { received: true }
      const paymentId = event.data.object.metadata.payment_id
      const [payment] = await settlePayment([
        event.id,
        event.type,
        request.body.toString(),
        paymentId
      ])
      if (payment !== undefined) {
        await DBOS.send(payment.flow_id, event.id, settledTopic, event.id)
      }
      return { received: true }
    }
  )
  done()
})

await pool.query(tables)
DBOS.setConfig({
  name: "complete-flow",
  ...(process.env.DATABASE_URL === undefined ? {} : { systemDatabaseUrl: process.env.DATABASE_URL }),
  logLevel: "error"
})
await DBOS.launch()
const address = await server.listen({ host: "127.0.0.1", port: 0 })

process.once("SIGTERM", async () => {
  await server.close()
  await DBOS.shutdown()
  await pool.end()
})
process.stdout.write(`${address}\n`)
