/**
 * The tickets of the tickets' bench. All there is to print on one is computed from its number, here and in SQL, so that
 * a server, our renderer alone and the peers print the same.
 */
import { createHash } from "node:crypto"
import { codeOf, codeSql } from "./GateTickets.ts"

/** What is printed on a ticket, whoever prints it; `startsAt` is an instant. */
export interface BenchTicket {
  readonly code: string
  readonly qrData: string
  readonly guestName: string
  readonly ticketType: string
  readonly title: string
  readonly startsAt: Date
  readonly timezone: string
  readonly location: string
}

/** The event that every one of them is for. */
export const event = {
  title: "Tech Conference 2025",
  startsAt: new Date("2025-06-20T09:00:00Z"),
  timezone: "Europe/Paris",
  location: "Paris Expo Porte de Versailles"
} as const

/** All of them in WinAnsi: the fonts that pdf-lib brings along write nothing else. */
const names = ["Jean Dupont", "Élodie Martin", "Søren Kjær", "Íñigo Núñez", "Zoë Müller"] as const

const type = "standard"
const issuedAt = 1_735_689_600
const kid = "k7Qx3_vZ"

const md5 = (text: string): string => createHash("md5").update(text).digest("hex")

/** As long as a signed text and of its form; rendering does not check the signature. */
const qrDataOf = (eventId: number, number: number): string => {
  const signature = ["a", "b", "c"].map((part) => md5(`${number}-${part}`)).join("").slice(0, 86)
  const code = codeOf(eventId, number)
  return JSON.stringify({ id: number, eventId, timestamp: issuedAt, code, kid, sig: signature })
}

/** Ticket `number` of an event, which belongs to the guest of that number. */
export const ticketOf = (eventId: number, number: number): BenchTicket => ({
  code: codeOf(eventId, number),
  qrData: qrDataOf(eventId, number),
  guestName: names[number % names.length]!,
  ticketType: type,
  ...event
})

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`

/** Statements that make the tickets of these events, which `GateDatabase.seed` has made, the ones above. */
export const dress = (eventIds: ReadonlyArray<number>): ReadonlyArray<string> => {
  const among = `event_id IN (${eventIds.join(", ")})`
  const hex = (part: string) => `md5(guest_id || '-${part}')`
  return [
    `SET session_replication_role = replica`,
    `UPDATE events SET title = ${quoted(event.title)}, starts_at = ${quoted(event.startsAt.toISOString())},
      timezone = ${quoted(event.timezone)}, location = ${quoted(event.location)} WHERE ${among}`,
    `UPDATE guests SET name = (ARRAY[${names.map(quoted).join(", ")}])[guest_id % ${names.length} + 1]
      WHERE ${among}`,
    `UPDATE tickets SET qr_data = '{"id":' || guest_id || ',"eventId":' || event_id ||
      ',"timestamp":${issuedAt},"code":"' || ${
      codeSql("event_id", "guest_id")
    } || '","kid":"${kid}","sig":"' ||
      left(${hex("a")} || ${hex("b")} || ${hex("c")}, 86) || '"}' WHERE ${among}`,
    `VACUUM ANALYZE`,
    `CHECKPOINT`
  ]
}
