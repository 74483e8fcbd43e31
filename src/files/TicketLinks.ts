/**
 * The link to a ticket's page: short enough for a text message, and known to nobody else. It names the ticket and is
 * signed over the ticket's code, so that the link of a ticket that got a new code opens nothing any more.
 */
import { Context, Layer, Redacted } from "effect"
import { createHmac, timingSafeEqual } from "node:crypto"
import { trimEnd } from "../bounds/Trim.ts"

/** A ticket as a link names it. */
export interface LinkedTicket {
  readonly ticketId: number
  readonly code: string
}

/** 128 bits of the HMAC, in base64url. */
const proofLength = 22

const proofOf = ({ code, ticketId }: LinkedTicket, key: Redacted.Redacted): string =>
  createHmac("sha256", Redacted.value(key)).update(`guichet.ticket-page.v1\n${ticketId}\n${code}`)
    .digest("base64url").slice(0, proofLength)

/** The ticket that a link names, before its proof is looked at: `<id in base 36>.<proof>`; undefined for other text. */
export const idOf = (link: string): number | undefined => {
  const named = /^([0-9a-z]{1,11})\.[A-Za-z0-9_-]{22}$/.exec(link)?.[1]
  const id = named === undefined ? 0 : Number.parseInt(named, 36)
  return id >= 1 && id <= Number.MAX_SAFE_INTEGER && id.toString(36) === named ? id : undefined
}

/** The address that people see, the key that signs, and all that open a link. */
export interface TicketLinkOptions {
  readonly baseUrl: string
  readonly signing: Redacted.Redacted
  readonly accepted: ReadonlyArray<Redacted.Redacted>
}

export class TicketLinks extends Context.Service<TicketLinks, {
  /** The address of the ticket's page: `<PUBLIC_URL>/t/<link>`. */
  readonly make: (ticket: LinkedTicket) => string
  /** Whether a link is that of this ticket with this code. */
  readonly opens: (link: string, ticket: LinkedTicket) => boolean
}>()("guichet/files/TicketLinks") {
  static readonly layer = ({ accepted, baseUrl, signing }: TicketLinkOptions): Layer.Layer<TicketLinks> => {
    const text = (ticket: LinkedTicket, key: Redacted.Redacted) =>
      `${ticket.ticketId.toString(36)}.${proofOf(ticket, key)}`
    return Layer.succeed(TicketLinks, {
      make: (ticket) => `${trimEnd(baseUrl, "/")}/t/${text(ticket, signing)}`,
      opens: (link, ticket) =>
        accepted.some((key) => {
          const right = Buffer.from(text(ticket, key))
          const given = Buffer.from(link)
          return given.length === right.length && timingSafeEqual(given, right)
        })
    })
  }
}
