/** The complete flow on DBOS: eight durable steps, and a message of the webhook that the payment waits for. */
import { DBOS } from "@dbos-inc/dbos-sdk"
import { randomBytes } from "node:crypto"
import { charge } from "./Bank.ts"
import { drawInvoice, drawQr, drawTicket } from "./Documents.ts"
import { keepDocuments } from "./Files.ts"
import type { FlowRequest } from "./FlowRequest.ts"
import { messagesOf, names, send } from "./Messages.ts"
import * as Tables from "./Tables.ts"

/** A payment's name, known before it is made, so that a second run makes no second one. */
export const paymentIdOf = (flowId: string): string => `pay_${flowId}`

/** The topic under which the webhook tells a flow that its payment is settled. */
export const settledTopic = "payment_settled"

const makeEvent = async ({ event_data: event }: FlowRequest): Promise<void> => {
  const { date, event_id, location, max_attendees, status, title } = event
  await Tables.putEvent([
    event_id,
    title,
    date,
    location,
    max_attendees,
    status
  ])
}

const makeGuests = async (
  { event_data: { event_id }, guests }: FlowRequest
): Promise<void> => {
  const column = (of: (guest: FlowRequest["guests"][number]) => unknown) => guests.map(of)
  await Tables.putGuests([
    event_id,
    column((guest) => guest.guest_id),
    column((guest) => guest.name),
    column((guest) => guest.email),
    column((guest) => guest.phone)
  ])
}

const makeTickets = async (
  { event_data: event, guests }: FlowRequest
): Promise<void> => {
  const ids = guests.map((guest) => guest.guest_id)
  const rows = await Tables.putTickets([
    event.event_id,
    ids,
    guests.map(() => `TKT-${randomBytes(10).toString("hex").toUpperCase()}`),
    guests.map((guest) => guest.ticket_type)
  ])
  const codes = new Map(
    rows.map(({ code, guest_id }) => [Number(guest_id), code])
  )
  const files = await Promise.all(guests.map(async (guest) => {
    const code = codes.get(guest.guest_id) ?? ""
    const qr = await drawQr(code)
    return [
      { name: names.qr(event.event_id, guest.guest_id), bytes: qr },
      {
        name: names.ticket(event.event_id, guest.guest_id),
        bytes: await drawTicket(event, guest, code, qr)
      }
    ]
  }))
  await keepDocuments(files.flat())
  await Tables.issueTickets([event.event_id, ids])
}

const pay = async (
  flowId: string,
  webhookUrl: string,
  { payment_config }: FlowRequest
): Promise<void> => {
  const { amount, currency } = payment_config
  const id = paymentIdOf(flowId)
  await Tables.putPayment([id, flowId, amount, currency])
  charge(
    webhookUrl,
    { id, amount, currency },
    (error) => DBOS.logger.error(error)
  )
}

const makeInvoice = async (
  flowId: string,
  request: FlowRequest
): Promise<void> => {
  const paymentId = paymentIdOf(flowId)
  const [row] = await Tables.issueInvoice([paymentId])
  const bytes = await drawInvoice(row?.number ?? "", request)
  await keepDocuments([{ name: names.invoice(paymentId), bytes }])
}

const notify = async (
  flowId: string,
  request: FlowRequest,
  done: { readonly tickets: boolean; readonly payment: boolean }
): Promise<void> => {
  const messages = messagesOf(flowId, request, done)
  await send(paymentIdOf(flowId), request, messages)
  await Tables.putMessages([
    flowId,
    messages.map(({ id }) => id),
    messages.map(({ template }) => template),
    messages.map(({ channel }) => channel),
    messages.map(({ recipient }) => recipient)
  ])
}

const remind = async (flowId: string, request: FlowRequest): Promise<void> => {
  const starts = Date.parse(request.event_data.date)
  const due = request.notification_config.schedule_reminders.flatMap((
    { channels, hours_before }
  ) =>
    channels.flatMap((channel) =>
      request.guests.map(({ guest_id }) => ({
        guest_id,
        channel,
        at: new Date(starts - hours_before * 3_600_000).toISOString()
      }))
    )
  )
  await Tables.putReminders([
    flowId,
    due.map(({ guest_id }) => guest_id),
    due.map(({ channel }) => channel),
    due.map(({ at }) => at)
  ])
}

const run = async (
  flowId: string,
  webhookUrl: string,
  request: FlowRequest
): Promise<void> => {
  const {
    error_handling,
    parallel_processing,
    retry_failed_steps,
    timeout_seconds
  } = request.orchestration_options
  const failed: Array<string> = []

  /** Whether the step was done; a failed one ends the flow, or is noted and passed by. */
  const step = async (
    name: string,
    work: () => Promise<void>
  ): Promise<boolean> => {
    try {
      await DBOS.runStep(work, {
        name,
        retriesAllowed: retry_failed_steps,
        maxAttempts: 3
      })
      return true
    } catch (error) {
      if (error_handling === "stop_on_error") throw error
      failed.push(name)
      return false
    }
  }

  const tickets = () => step("tickets", () => makeTickets(request))
  const payment = async (): Promise<boolean> => {
    if (!await step("payment", () => pay(flowId, webhookUrl, request))) {
      return false
    }
    const settled = await DBOS.recv<string>(settledTopic, {
      timeoutSeconds: timeout_seconds
    })
    if (settled === null) {
      failed.push("payment")
      return false
    }
    return await step("invoice", () => makeInvoice(flowId, request))
  }

  await step("event", () => makeEvent(request))
  await step("guests", () => makeGuests(request))
  const [haveTickets, havePayment] = parallel_processing
    ? await Promise.all([tickets(), payment()])
    : [await tickets(), await payment()]
  await step(
    "notifications",
    () => notify(flowId, request, { tickets: haveTickets, payment: havePayment })
  )
  await step("reminders", () => remind(flowId, request))
  const status = failed.length === 0 ? "completed" : "completed_with_errors"
  await step("status", async () => {
    await Tables.putFlow([flowId, request.event_data.event_id, status, failed])
  })
}

/** Started with the flow's id, where its payment's webhook is to be sent, and the request. */
export const completeFlow = DBOS.registerWorkflow(run, {
  name: "completeFlow"
})
