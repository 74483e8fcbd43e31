/** A ticket as a job or an order knows it, with its details, becomes what is printed. */
import type * as DateTime from "effect/DateTime"
import type { PrintDetail } from "../../../rpc/PrintDetails.ts"
import type { TicketInput } from "./TicketPdf.ts"
import type { TicketDesign } from "./TicketTemplates.ts"

/** What a ticket says of itself, its guest and its event. */
export interface KnownTicket {
  readonly code: string
  readonly qrData: string
  readonly guestName: string
  readonly event: { readonly title: string; readonly startsAt: Date; readonly location: string }
  readonly design: TicketDesign
}

const dateOf = (at: DateTime.Utc | null | undefined): Date | undefined =>
  at === null || at === undefined ? undefined : new Date(at.epochMilliseconds)

/** Without its logo: whoever prints reads that. */
export const inputOf = (
  { code, design, event, guestName, qrData }: KnownTicket,
  detail: PrintDetail
): TicketInput => ({
  code,
  qrData,
  guestName,
  design,
  issuedAt: new Date(detail.issued_at.epochMilliseconds),
  locale: detail.locale,
  ticketType: detail.ticket_type,
  seat: detail.seat ?? undefined,
  event: {
    title: event.title,
    startsAt: event.startsAt,
    location: event.location,
    timezone: detail.timezone
  },
  doors: {
    open: dateOf(detail.doors_open_at),
    close: dateOf(detail.doors_close_at)
  },
  order: detail.order_id ?? undefined,
  organizer: detail.organizer ?? undefined,
  terms: detail.paper?.terms ?? undefined,
  accent: detail.paper?.accent ?? undefined
})
