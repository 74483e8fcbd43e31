/** One payment as a walk: Stripe says that it succeeded, and the flow that waits for it goes on to its end. */
import Stripe from "stripe"
import { refOf } from "../../src/services/payments/sandbox/SandboxEvents.ts"
import documented from "../../test/fixtures/bodies/6-complete-flow.request.json" with { type: "json" }

/** The secret that the walk signs under, as Stripe does; the product is started with it. */
export const stripeSecret = "whsec_walk_0123456789"

/** How many payments wait before the first walk: as many as are walked, warm-up included. */
export const payments = 30

/** Long enough for the invoice's file and the flow's last steps; keepers look less often. */
const settledMs = 800

interface Addresses {
  readonly core: string
  readonly payments: string
  readonly token: string
}

const flowFor = (eventId: number) => ({
  ...documented,
  event_data: { ...documented.event_data, event_id: eventId, date: "2099-06-20T09:00:00Z" },
  guests: documented.guests.slice(0, 1),
  payment_config: { ...documented.payment_config, auto_confirm: false },
  notification_config: { email_templates: [], sms_templates: [], schedule_reminders: [] }
})

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** The payment of a new flow, once the flow waits for it and its ticket is made. */
const waiting = async ({ core, token }: Addresses, eventId: number): Promise<string> => {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" }
  const accepted = await fetch(`${core}/api/orchestration/complete-flow`, {
    method: "POST",
    headers,
    body: JSON.stringify(flowFor(eventId))
  })
  const { status_url: statusUrl } = await accepted.json()
  for (;;) {
    const flow = await (await fetch(new URL(statusUrl, core), { headers })).json()
    const stepOf = (name: string) => flow.steps.find(({ step }: { readonly step: string }) => step === name)
    if (flow.payment_id !== null && stepOf("tickets").status === "completed") return flow.payment_id
    if (stepOf("payment").status === "failed") throw new Error(JSON.stringify(flow))
    await pause(50)
  }
}

const deliveryOf = async (paymentId: string) => {
  const created = Math.floor(Date.now() / 1000)
  const body = JSON.stringify({
    id: `evt_${paymentId.replaceAll(/[^A-Za-z0-9]/g, "")}`,
    object: "event",
    type: "payment_intent.succeeded",
    created,
    data: {
      object: {
        object: "payment_intent",
        id: refOf(paymentId),
        status: "succeeded",
        amount: documented.payment_config.amount,
        amount_received: documented.payment_config.amount,
        currency: "eur",
        metadata: { guichet_payment_id: paymentId },
        latest_charge: {
          id: "ch_1",
          payment_method_details: { type: "card", card: { brand: "visa", last4: "4242" } }
        }
      }
    }
  })
  const signature = await Stripe.webhooks.generateTestHeaderStringAsync({
    payload: body,
    secret: stripeSecret,
    timestamp: created,
    cryptoProvider: Stripe.createSubtleCryptoProvider()
  })
  return { body, headers: { "content-type": "application/json", "stripe-signature": signature } }
}

/** Makes payments that wait; `once` has the next one succeed, `verify` throws unless each of those is settled by now. */
export const paymentWalk = async (
  addresses: Addresses
): Promise<{ readonly once: () => Promise<void>; readonly verify: () => Promise<void> }> => {
  const waitingIds: Array<string> = []
  const told: Array<string> = []
  for (let at = 0; at < payments; at++) waitingIds.push(await waiting(addresses, 1_000 + at))
  return {
    once: async () => {
      const paymentId = waitingIds.shift()
      if (paymentId === undefined) throw new Error("No payment waits any more")
      const response = await fetch(`${addresses.payments}/api/webhooks/stripe`, {
        method: "POST",
        ...await deliveryOf(paymentId)
      })
      if (!response.ok) throw new Error(`Answered ${response.status}: ${await response.text()}`)
      told.push(paymentId)
      await pause(settledMs)
    },
    verify: async () => {
      const headers = { authorization: `Bearer ${addresses.token}` }
      for (const paymentId of told) {
        const answer = await (await fetch(`${addresses.core}/api/payments/${paymentId}`, { headers })).json()
        if (answer.status !== "settled") throw new Error(`${paymentId} is ${answer.status}`)
      }
    }
  }
}
