/** The generator of webhooks, a process of its own: a plan a line on standard input, its result a line on standard output. */
import { Buffer } from "node:buffer"
import { createHmac } from "node:crypto"
import process from "node:process"
import { createInterface } from "node:readline"
import documented from "../../test/fixtures/bodies/2-payment-webhook.request.json" with { type: "json" }
import { HttpSocket } from "./HttpSocket.ts"
import { median, percentile } from "./Numbers.ts"
import type { Sender, WebhookPlan, WebhookResult } from "./WebhookPlan.ts"

/** A body that names a delivery, and the headers that go with it beside the signature. */
interface Delivery {
  readonly body: string
  readonly headers: ReadonlyArray<string>
}

const deliveries: Readonly<
  Record<Sender, (id: string, seconds: number, event: WebhookPlan["event"]) => Delivery>
> = {
  "payment-service": (id, seconds, event) => ({
    body: JSON.stringify({
      ...documented,
      event_type: event === "decides" ? documented.event_type : "payment.processing",
      payment_id: `pay_${id}`,
      webhook_id: `wh_${id}`,
      timestamp: new Date(seconds * 1_000).toISOString(),
      created: seconds
    }),
    headers: [
      "x-service-name: payment-service",
      `x-request-id: req_${id}`,
      `x-timestamp: ${new Date(seconds * 1_000).toISOString()}`
    ]
  }),
  stripe: (id, seconds, event) => ({
    body: JSON.stringify({
      id: `evt_${id}`,
      object: "event",
      type: event === "decides" ? "payment_intent.succeeded" : "payment_intent.processing",
      created: seconds,
      data: {
        object: {
          id: `pi_${id}`,
          object: "payment_intent",
          amount: documented.amount,
          currency: documented.currency.toLowerCase(),
          status: "succeeded",
          metadata: { payment_id: `pay_${id}`, ...documented.metadata },
          customer: documented.customer.id,
          payment_method_details: documented.payment_method
        }
      }
    }),
    headers: []
  })
}

const requestOf = (plan: WebhookPlan, number: number): Buffer => {
  const seconds = Math.floor(Date.now() / 1_000)
  const { body, headers } = deliveries[plan.sender](`${plan.run}${number}`, seconds, plan.event)
  const signature = createHmac("sha256", plan.secret).update(`${seconds}.${body}`).digest("hex")
  const { host, pathname } = new URL(plan.url)
  const head = [
    `POST ${pathname} HTTP/1.1`,
    `host: ${host}`,
    "content-type: application/json",
    `content-length: ${Buffer.byteLength(body)}`,
    `stripe-signature: t=${seconds},v1=${signature}`,
    ...headers
  ]
  return Buffer.from(`${head.join("\r\n")}\r\n\r\n${body}`)
}

const load = async (plan: WebhookPlan): Promise<WebhookResult> => {
  const sockets = await Promise.all(Array.from({ length: plan.connections }, () => HttpSocket.open(plan.url)))
  let acknowledged = 0
  const phase = async (seconds: number): Promise<ReadonlyArray<number>> => {
    const latencies: Array<number> = []
    const end = performance.now() + seconds * 1_000
    await Promise.all(sockets.map(async (socket) => {
      while (performance.now() < end) {
        const request = requestOf(plan, acknowledged++)
        const sent = performance.now()
        const { body, status } = await socket.ask(request)
        latencies.push(performance.now() - sent)
        if (status !== 200 || !body.includes(`"received":true`)) {
          throw new Error(`Answered ${status}: ${body}`)
        }
      }
    }))
    return latencies
  }
  await phase(plan.warmUpSeconds)
  const began = performance.now()
  const latencies = await phase(plan.seconds)
  const seconds = (performance.now() - began) / 1_000
  sockets.forEach((socket) => socket.close())
  return {
    acknowledged,
    per_second: latencies.length / seconds,
    p50: median(latencies),
    p99: percentile(latencies, 0.99)
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await load(JSON.parse(line) as WebhookPlan))}\n`)
}
