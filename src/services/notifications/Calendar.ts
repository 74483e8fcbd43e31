/**
 * One event as an iCalendar file (RFC 5545): UTC times, a UID that stays, and a SEQUENCE that grows with
 * the event.
 */
import { DateTime } from "effect"

/** What a calendar entry says. */
export interface CalendarEntry {
  readonly uid: string
  readonly sequence: number
  /** The event does not take place: the reader's calendar forgets it. */
  readonly canceled?: boolean
  readonly stamp: DateTime.DateTime
  readonly start: DateTime.DateTime
  readonly end?: DateTime.DateTime | undefined
  readonly title: string
  readonly location?: string | undefined
  readonly url?: string | undefined
}

const utc = (moment: DateTime.DateTime) =>
  DateTime.toDateUtc(moment).toISOString().replace(/[-:]|\.\d{3}/g, "")

const escape = (text: string) => text.replace(/[\\;,]/g, "\\$&").replace(/\r\n|[\r\n]/g, "\\n")

const longestLine = 75

/** No line is longer than 75 octets, and no character is cut in two. */
const fold = (line: string) => {
  if (Buffer.byteLength(line) <= longestLine) return line
  const lines: Array<string> = []
  let current = ""
  let size = 0
  for (const character of line) {
    const bytes = Buffer.byteLength(character)
    if (size + bytes > longestLine) {
      lines.push(current)
      current = " "
      size = 1
    }
    current += character
    size += bytes
  }
  return [...lines, current].join("\r\n")
}

/** What a calendar does with the entry (RFC 5546). */
export const methodOf = ({ canceled }: Pick<CalendarEntry, "canceled">): "PUBLISH" | "CANCEL" =>
  canceled === true ? "CANCEL" : "PUBLISH"

/** The file's text. */
export const toIcs = (entry: CalendarEntry): string =>
  [
    "BEGIN:VCALENDAR",
    "VERSION:2.0",
    "PRODID:-//Guichet//Notifications//EN",
    "CALSCALE:GREGORIAN",
    `METHOD:${methodOf(entry)}`,
    "BEGIN:VEVENT",
    `UID:${escape(entry.uid)}`,
    `SEQUENCE:${entry.sequence}`,
    `DTSTAMP:${utc(entry.stamp)}`,
    `DTSTART:${utc(entry.start)}`,
    ...(entry.end === undefined ? [] : [`DTEND:${utc(entry.end)}`]),
    `SUMMARY:${escape(entry.title)}`,
    ...(entry.location === undefined ? [] : [`LOCATION:${escape(entry.location)}`]),
    ...(entry.canceled === true ? ["STATUS:CANCELLED"] : []),
    ...(entry.url === undefined ? [] : [`URL:${entry.url}`]),
    "END:VEVENT",
    "END:VCALENDAR",
    ""
  ].map(fold).join("\r\n")
