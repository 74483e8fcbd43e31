/** The tickets of the gate's bench: a code is computed from its number, here and in SQL, so that nobody passes lists. */
import { createHash } from "node:crypto"

/** The code of an event's ticket; 16 letters and digits in no order, like the real ones. */
export const codeOf = (eventId: number, number: number): string =>
  `TKT-${String(eventId).padStart(3, "0")}-` +
  createHash("md5").update(`${eventId}-${number}`).digest("hex").slice(0, 16).toUpperCase()

/** The same as an SQL expression over two SQL expressions. */
export const codeSql = (eventId: string, number: string): string =>
  `'TKT-' || lpad((${eventId})::text, 3, '0') || '-' || ` +
  `upper(left(md5((${eventId})::text || '-' || (${number})::text), 16))`
