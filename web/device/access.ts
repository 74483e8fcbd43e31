/** What opens a page: a token for an event and a gate, handed over behind the `#` of a link, which no server is sent. */

/** Where and as whom a page works. */
export interface Access {
  readonly token: string
  readonly event: number
  readonly gate: string
  readonly operator: string
  /** Whose event it is: an event number means nothing without it. */
  readonly organizer: string
}

const longest = 2_000

/**
 * Reads `k` (token), `e` (event number), `g` (gate), `o` (who scans) and `w` (whose event) of a link's fragment, or of the
 * text of a steward's QR code, which is such a link. Null when it opens nothing.
 */
export const accessOf = (text: string): Access | null => {
  if (text.length > longest) return null
  const at = text.indexOf("#")
  const given = new URLSearchParams(at === -1 ? "" : text.slice(at + 1))
  const token = given.get("k")?.trim() ?? ""
  const event = Number(given.get("e"))
  if (!/^[\x21-\x7e]{8,512}$/.test(token) || !Number.isSafeInteger(event) || event < 1) return null
  return {
    token,
    event,
    gate: given.get("g")?.trim() || "A",
    operator: given.get("o")?.trim() || "steward",
    organizer: given.get("w")?.trim() ?? ""
  }
}

/** Takes the access out of this page's address, so that it stays neither in the bar nor in the history. */
export const takeFromAddress = (): Access | null => {
  const found = accessOf(location.hash)
  if (location.hash !== "") history.replaceState(null, "", location.pathname)
  return found
}
