/** Stands for Stripe: takes a charge, and says over HTTP and signed that it succeeded. */
import { randomUUID } from "node:crypto"
import Stripe from "stripe"

/** The secret that the webhook is signed under. */
export const webhookSecret = "whsec_bench_0123456789"

const tries = 5

const deliver = async (
  url: string,
  payload: string,
  attempt = 1
): Promise<void> => {
  const signature = Stripe.webhooks.generateTestHeaderString({
    payload,
    secret: webhookSecret
  })
  const answer = await fetch(url, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      "stripe-signature": signature
    },
    body: payload
  })
  await answer.arrayBuffer()
  if (answer.ok) return
  if (attempt === tries) {
    throw new Error(`The webhook was answered ${answer.status}`)
  }
  return await deliver(url, payload, attempt + 1)
}

/** Accepts a charge; its webhook comes afterwards, and `failed` hears when it could not be delivered. */
export const charge = (
  webhookUrl: string,
  payment: {
    readonly id: string
    readonly amount: number
    readonly currency: string
  },
  failed: (error: unknown) => void
): void => {
  const event = {
    id: `evt_${randomUUID().replaceAll("-", "")}`,
    object: "event",
    type: "payment_intent.succeeded",
    created: Math.floor(Date.now() / 1_000),
    data: {
      object: {
        id: `pi_${payment.id}`,
        object: "payment_intent",
        amount: payment.amount,
        currency: payment.currency.toLowerCase(),
        status: "succeeded",
        metadata: { payment_id: payment.id }
      }
    }
  }
  deliver(webhookUrl, JSON.stringify(event)).catch(failed)
}
