/** The part of a link that opens the scanner or the board: behind the `#`, where no server and no proxy is sent it. */
import { createHash } from "node:crypto"

/** A token, the number of its event and whose event that is, the gate that it scans at, and whose scans they are. */
export interface PageAccess {
  readonly token: string
  readonly event: number
  readonly organizer: string
  readonly gate?: string | undefined
  readonly operator: string
}

/** Tells two organisers' event 1 apart, and names neither. */
const markOf = (organizer: string): string =>
  createHash("sha256").update(`guichet.organizer\n${organizer}`).digest("base64url").slice(0, 8)

/** Read by `web/device/access.ts`. */
export const accessFragment = ({ event, gate, operator, organizer, token }: PageAccess): string =>
  `#${new URLSearchParams({
    k: token,
    e: String(event),
    ...(gate === undefined ? {} : { g: gate }),
    o: operator,
    w: markOf(organizer)
  })}`
