/** A ticket as the tests of its pages print it. */
import { Effect } from "effect"
import type { TicketInput } from "../../src/print/tickets/TicketPdf.ts"
import { QrData } from "../../src/trust/QrData.ts"
import { SigningKeys } from "../../src/trust/SigningKeys.ts"

/** Its code, which its QR data names. */
export const sampleCode = "TKT-112-7TAJTBRJ49AY0X3B"

/** Its signed QR data is of the usual length. */
export const sampleTicket = (
  change: Partial<TicketInput> = {}
): Effect.Effect<TicketInput, never, SigningKeys> =>
  Effect.map(SigningKeys, (keys) => ({
    code: sampleCode,
    qrData: QrData.sign(keys, { id: 10_234, eventId: 112, timestamp: 1_640_995_200, code: sampleCode }),
    issuedAt: new Date(1_640_995_200_000),
    locale: "fr",
    guestName: "Łukasz Żółć",
    ticketType: "VIP",
    seat: "A15",
    event: {
      title: "Tech Conference 2025",
      startsAt: new Date("2025-06-20T09:00:00Z"),
      timezone: "Europe/Paris",
      location: "Paris Expo"
    },
    organizer: "Association Şirin",
    terms: "Billet nominatif : 1 234,50 € — ni repris ni échangé.",
    design: "modern",
    ...change
  }))
