/** Two organisers who have one of everything, and the same ids again of things that nobody has. */
import { Effect, Redacted } from "effect"
import { TokenStore } from "../../src/store/TokenStore.ts"
import scanned from "../fixtures/bodies/3-scan-validate.request.json" with { type: "json" }
import { bodyFor, guestsNamed, run } from "./FlowClient.ts"
import { type Answer, TestApp } from "./TestApp.ts"

/** One of everything that a route can name, by the parameter's name. */
export interface Possessions {
  readonly event_id: number
  readonly flow_id: string
  readonly order_id: string
  readonly job_id: string
  readonly ticket_id: number
  readonly payment_id: string
  readonly refund_id: string
  readonly sequence_id: string
  readonly message_id: string
  /** Of an address on the organiser's list. */
  readonly digest: string
  readonly file: string
  readonly token_id: string
  readonly scan_id: string
  readonly ticket_code: string
}

/** Well-formed, and nobody's. */
export const absent: Possessions = {
  event_id: 987_654,
  flow_id: "flow_AAAAAAAAAAAAAAAAAAAAAAAA",
  order_id: "flow_AAAAAAAAAAAAAAAAAAAAAAAA",
  job_id: "job_AAAAAAAAAAAAAAAAAAAAAAAA",
  ticket_id: 987_654,
  payment_id: "pay_AAAAAAAAAAAAAAAAAAAAAAAA",
  refund_id: "refund_AAAAAAAAAAAAAAAAAAAAAAAA",
  sequence_id: "seq_AAAAAAAAAAAAAAAAAAAAAAAA",
  message_id: "flow_AAAAAAAAAAAAAAAAAAAAAAAA.welcome.1.email",
  digest: "0".repeat(64),
  file: "G-2019-999999.pdf",
  token_id: "tok_AAAAAAAAAAAA",
  scan_id: "scan-of-nobody",
  ticket_code: "TKT-999-AAAAAA"
}

/** An organiser, and what became theirs by one complete flow. */
export const organiser = Effect.fnUntraced(function* (subject: string, eventId: number) {
  const app = yield* TestApp
  const tokens = yield* TokenStore
  const made = yield* tokens.create({ role: "organizer", subject })
  const token = Redacted.value(made.token)
  const finished = yield* run(bodyFor(eventId, { guests: guestsNamed("Ada", "Grace") })).pipe(
    Effect.provideService(TestApp, { ...app, organizer: token })
  )
  const ask = (path: string): Effect.Effect<Answer> => app.ask(path, { token })
  const { flow } = finished
  const job = yield* ask(`/api/tickets/generation-jobs/${flow.job_id}`)
  const ticket = yield* ask(`/api/tickets/${job.json.tickets[0].ticket_id}`)
  const ticket_code: string = ticket.json.ticket_code
  const scan_id = `scan-of-${subject}`
  yield* app.ask("/api/scans/validate", {
    token,
    body: { ...scanned, event_id: eventId, scan_id, ticket_code }
  })
  const suppressed = yield* app.ask("/api/suppressions", {
    token,
    body: { channel: "email", address: `nobody@${subject}.example` }
  })
  const payment = yield* ask(`/api/payments/${flow.payment_id}`)
  const refunded = yield* app.ask(`/api/payments/${flow.payment_id}/refunds`, {
    token,
    headers: { "idempotency-key": `refund-of-${subject}` },
    body: { amount: 1, reason: "Goodwill" }
  })
  const owns: Possessions = {
    event_id: eventId,
    flow_id: flow.flow_id,
    order_id: flow.flow_id,
    job_id: flow.job_id,
    ticket_id: job.json.tickets[0].ticket_id,
    payment_id: flow.payment_id,
    refund_id: refunded.json.refund_id,
    sequence_id: flow.reminders_id,
    message_id: `${flow.flow_id}.registration_confirmation.1.email`,
    digest: suppressed.json.digest,
    file: `${payment.json.invoice_number}.pdf`,
    token_id: made.tokenId,
    scan_id,
    ticket_code
  }
  return { subject, token, owns }
})
