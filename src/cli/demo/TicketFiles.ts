/** The tickets of a flow: written as files, each proved to be one that a gate would let in. */
import { Effect, Result } from "effect"
import type { CompleteFlowRequest, FlowView } from "../../../rpc/CompleteFlow.ts"
import { TicketView } from "../../../rpc/Ticket.ts"
import { QrData } from "../../trust/QrData.ts"
import { TicketKeySet, type TrustedKeys, trustedKeys } from "../../trust/SigningKeys.ts"
import type { DemoClient } from "./DemoClient.ts"
import { DemoFailed } from "./DemoFailed.ts"
import type { DemoFolder } from "./DemoFolder.ts"

const startsWith = (magic: string) => (bytes: Uint8Array): boolean =>
  Buffer.from(bytes.subarray(0, magic.length)).toString("latin1") === magic

/** True for bytes that begin as a PDF does. */
export const isPdf = startsWith("%PDF-")

const isOf = { pdf: isPdf, png: startsWith("\x89PNG") }

/** The path of a signed link; the core that signed it answers here without its host. */
const pathOf = (link: string): string => {
  const { pathname, search } = new URL(link)
  return `${pathname}${search}`
}

const faultsOf = (ticket: TicketView, flow: FlowView, request: CompleteFlowRequest, keys: TrustedKeys) => {
  const { ticket_code: code } = ticket
  const paid = request.payment_config.amount > 0 ? "paid" : "free"
  const read = QrData.verify(ticket.qr_data, keys)
  return [
    ...(ticket.flow_id === flow.flow_id ? [] : [`The ticket ${code} is not of this flow.`]),
    ...(ticket.payment_state === paid
      ? []
      : [`The ticket ${code} is ${ticket.payment_state} and not ${paid}.`]),
    ...Result.match(read, {
      onFailure: (refusal) => [`The QR data of ${code} does not verify with the published keys: ${refusal}.`],
      onSuccess: (data) =>
        data.id === ticket.ticket_id && data.code === code
          ? []
          : [`The QR data of ${code} names another ticket.`]
    })
  ]
}

/** Writes PDF and QR image of every ticket; a fresh database numbers its tickets from 1, one a guest. */
export const write = Effect.fn("TicketFiles.write")(function* (
  client: DemoClient,
  folder: DemoFolder,
  flow: FlowView,
  request: CompleteFlowRequest
) {
  const keys = trustedKeys(yield* client.get("/.well-known/guichet-keys.json", TicketKeySet))
  const { generate_pdf, generate_qr } = request.ticket_config

  const file = Effect.fnUntraced(function* (ticket: TicketView, kind: "pdf" | "png", path: string) {
    const bytes = yield* client.bytes(path)
    yield* folder.write(`tickets/${ticket.ticket_code}.${kind}`, bytes)
    return isOf[kind](bytes) ? [] : [`tickets/${ticket.ticket_code}.${kind} is no ${kind}.`]
  })

  const one = Effect.fnUntraced(function* (id: number) {
    const ticket = yield* client.get(`/api/tickets/${id}`, TicketView)
    const faults = [
      ...faultsOf(ticket, flow, request, keys),
      ...(generate_pdf ? yield* file(ticket, "pdf", `/api/tickets/${id}.pdf`) : []),
      ...(generate_qr && ticket.qr_url === null ? [`The ticket ${ticket.ticket_code} has no QR image.`] : []),
      ...(ticket.qr_url === null ? [] : yield* file(ticket, "png", pathOf(ticket.qr_url)))
    ]
    return { ticket, faults }
  })

  const done = yield* Effect.forEach(request.guests, (_, at) => one(at + 1), { concurrency: 4 })
  const faults = done.flatMap(({ faults }) => faults)
  const guests = new Set(done.map(({ ticket }) => ticket.guest_id))
  for (const { guest_id } of request.guests) {
    if (!guests.has(guest_id)) faults.push(`Guest ${guest_id} has no ticket.`)
  }
  if (faults.length > 0) return yield* DemoFailed.of(faults)
  return done.map(({ ticket }) => ticket)
})
