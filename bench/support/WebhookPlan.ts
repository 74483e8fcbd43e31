/** What the generator of webhooks is told and what it answers, a line of JSON each. */

/** How a delivery is written and signed: as our payment service does it, or as Stripe does it. */
export type Sender = "payment-service" | "stripe"

/** Deliveries of which each is new; `run` makes their ids those of this plan alone. */
export interface WebhookPlan {
  readonly url: string
  readonly sender: Sender
  readonly secret: string
  readonly run: string
  /** The documented one, or one that decides nothing. */
  readonly event: "decides" | "ignored"
  readonly connections: number
  readonly warmUpSeconds: number
  readonly seconds: number
}

/** `acknowledged` counts the warm-up too; latencies in milliseconds. */
export interface WebhookResult {
  readonly acknowledged: number
  readonly per_second: number
  readonly p50: number
  readonly p99: number
}
