/** The part of a link that opens the scanner or the board: behind the `#`, where no server and no proxy is sent it. */

/** A token, the number of its event, the gate that it scans at, and whose scans they are. */
export interface PageAccess {
  readonly token: string
  readonly event: number
  readonly gate?: string | undefined
  readonly operator: string
}

/** Read by `web/device/access.ts`. */
export const accessFragment = ({ event, gate, operator, token }: PageAccess): string =>
  `#${new URLSearchParams({
    k: token,
    e: String(event),
    ...(gate === undefined ? {} : { g: gate }),
    o: operator
  })}`
