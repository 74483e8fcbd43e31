/**
 * What an SMS costs: GSM 03.38 septets or UCS-2 units, and the segments a network cuts it into (3GPP TS
 * 23.038, 23.040).
 */

const basic = new Set(
  "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
const extended = new Set("\f^{}\\[~]|€")

/** The alphabet a text needs, its length in that alphabet's units, and its segments. */
export interface Measure {
  readonly encoding: "GSM-7" | "UCS-2"
  readonly units: number
  readonly segments: number
}

/** Characters are never cut in two: an escape pair or a surrogate pair moves to the next segment whole. */
const cut = (costs: ReadonlyArray<number>, single: number, each: number) => {
  const units = costs.reduce((sum, cost) => sum + cost, 0)
  if (units <= single) return { units, segments: 1 }
  let segments = 1
  let used = 0
  for (const cost of costs) {
    if (used + cost > each) {
      segments++
      used = 0
    }
    used += cost
  }
  return { units, segments }
}

/** Measures a text as a network would send it. */
export const measure = (text: string): Measure => {
  const characters = Array.from(text)
  return characters.every((c) => basic.has(c) || extended.has(c))
    ? { encoding: "GSM-7", ...cut(characters.map((c) => extended.has(c) ? 2 : 1), 160, 153) }
    : { encoding: "UCS-2", ...cut(characters.map((c) => c.length), 70, 67) }
}

const punctuation: Record<string, string> = {
  "\u00a0": " ",
  "\u202f": " ",
  "\u2009": " ",
  "’": "'",
  "‘": "'",
  "“": '"',
  "”": '"',
  "«": '"',
  "»": '"',
  "–": "-",
  "—": "-",
  "…": "...",
  "·": "-",
  "•": "-",
  "œ": "oe",
  "Œ": "OE",
  "\t": " "
}

const plain = (text: string) => Array.from(text.normalize("NFC"), (c) => punctuation[c] ?? c).join("")

const unaccented = (text: string) =>
  Array.from(text, (c) => basic.has(c) || extended.has(c) ? c : c.normalize("NFD").replace(/\p{M}/gu, ""))
    .join("")

/**
 * Typography that would force UCS-2 is simplified; accents outside of GSM-7 ("ê", "ç") are dropped only where
 * keeping them would cost more than two segments.
 */
export const compact = (text: string): string => {
  const kept = plain(text)
  const before = measure(kept)
  if (before.segments <= 2) return kept
  const bare = unaccented(kept)
  return measure(bare).segments < before.segments ? bare : kept
}
