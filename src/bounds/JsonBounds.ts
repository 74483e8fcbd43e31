/**
 * Bounds on a JSON text, checked in one pass over its bytes before anything parses it. Nothing recurses, and memory is
 * a few numbers a level. The text is not validated: what is not JSON passes, or fails at a bound, and the parser says so.
 */

/** How large each part of a JSON text may be; lengths are in bytes as they are sent, escapes included. */
export interface Bounds {
  /** Arrays and objects inside each other. */
  readonly depth: number
  /** Values and empty containers in the whole text: brackets and commas are counted. */
  readonly values: number
  /** Items of one array, members of one object. */
  readonly items: number
  /** One string or one key. */
  readonly string: number
  /** One number; any other word outside of quotes too. */
  readonly number: number
}

/** What any route takes: ten thousand guests are 70,000 values, five thousand scans 90,000. */
export const bounds: Bounds = { depth: 32, values: 300_000, items: 20_000, string: 65_536, number: 64 }

/** The first bound that was passed: where, as a JSON pointer (RFC 6901), and a sentence for the sender. */
export interface Flaw {
  readonly pointer: string
  readonly detail: string
}

/** A text that is being checked: `step` goes over its bytes from where the last step ended. */
export interface Scan {
  readonly step: (to: number) => Flaw | undefined
}

const quote = 0x22
const backslash = 0x5c
const comma = 0x2c
const colon = 0x3a
const openArray = 0x5b
const closeArray = 0x5d
const openObject = 0x7b
const closeObject = 0x7d

/** What a byte outside of quotes is: part of a number or another word, white space, a mark of JSON, a quote. */
const word = 0
const white = 1
const mark = 2
const text = 3

const kinds = new Uint8Array(256)
kinds.fill(white, 0, 0x21)
kinds[quote] = text
for (const byte of [comma, colon, openArray, closeArray, openObject, closeObject]) kinds[byte] = mark

/** A key as it is written in a pointer; one that is not JSON is shown as it was sent. */
const segmentOf = (quoted: string): string => {
  let name: unknown = quoted
  try {
    name = JSON.parse(quoted)
  } catch {
    // The text is not JSON here: its bytes name the place as well as they can.
  }
  return String(name).slice(0, 200).replaceAll("~", "~0").replaceAll("/", "~1")
}

/** Begins to check these bytes. */
export const begin = (bytes: Uint8Array, bounds: Bounds): Scan => {
  const { depth: deepest, items: most, number: longestWord, string: longestText, values: allowed } = bounds
  const isObject = [false]
  const count = [0]
  const keyAt = [0]
  const keyEnd = [0]
  /** Where the next step begins, and inside of what: a text, a word, or neither (`white`). */
  let resumeAt = 0
  let inside = white
  let start = 0
  let end = 0
  let depth = 0
  let values = 1

  /** The value that is being read, or the container when it has no place of its own yet. */
  const pointer = (levels: number): string => {
    let path = ""
    for (let level = 1; level <= levels; level++) {
      const keyed = isObject[level] === true
      if (keyed && keyEnd[level] === 0) return path
      const quoted = () => new TextDecoder().decode(bytes.subarray(keyAt[level], keyEnd[level]))
      path += `/${keyed ? segmentOf(quoted()) : count[level]}`
    }
    return path
  }

  const flaw = (detail: string, levels = depth): Flaw => ({ pointer: pointer(levels), detail })

  const open = (byte: number): Flaw | undefined => {
    if (depth === deepest) {
      return flaw(`Send at most ${deepest} levels of arrays and objects inside each other.`)
    }
    if (++values > allowed) return flaw(`Send at most ${allowed} values in one body: use several requests.`)
    depth++
    isObject[depth] = byte === openObject
    count[depth] = 0
    keyEnd[depth] = 0
    return undefined
  }

  const next = (): Flaw | undefined => {
    if (++count[depth]! >= most) {
      return flaw(`Send at most ${most} items or members here: use several requests.`, Math.max(depth - 1, 0))
    }
    if (++values > allowed) return flaw(`Send at most ${allowed} values in one body: use several requests.`)
    keyEnd[depth] = 0
    return undefined
  }

  const structural = (byte: number): Flaw | undefined => {
    switch (byte) {
      case openArray:
      case openObject:
        return open(byte)
      case closeArray:
      case closeObject:
        if (depth > 0) depth--
        return undefined
      case comma:
        return next()
      case colon:
        keyAt[depth] = start
        keyEnd[depth] = end
    }
    return undefined
  }

  const step = (to: number): Flaw | undefined => {
    let at = resumeAt
    let kind = inside
    while (at < to) {
      if (kind === text) {
        let byte = bytes[at]
        while (byte !== quote && at < to) {
          at += byte === backslash ? 2 : 1
          byte = bytes[at]
        }
        if (at >= to) break
        end = ++at
        kind = white
        if (end - start - 2 > longestText) return flaw(`Send at most ${longestText} bytes of text here.`)
      } else if (kind === word) {
        while (at < to && kinds[bytes[at]!] === word) at++
        if (at - start > longestWord) return flaw(`Send a number of at most ${longestWord} characters.`)
        if (at < to) kind = white
      } else {
        while (at < to && kinds[bytes[at]!] === white) at++
        if (at >= to) break
        const byte = bytes[at]!
        kind = kinds[byte]!
        if (kind === text || kind === word) start = at
        at++
        if (kind === mark) {
          kind = white
          const found = structural(byte)
          if (found !== undefined) return found
        }
      }
    }
    resumeAt = at
    inside = kind
    return undefined
  }

  return { step }
}

/** Checks a short text at once; a long one is better checked in steps, between which others have their turn. */
export const check = (bytes: Uint8Array, within: Bounds): Flaw | undefined =>
  begin(bytes, within).step(bytes.length)
