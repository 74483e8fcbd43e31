/** What a body may be turned into: each way is a kind of attack, its size a power of ten. */
import type { Schema } from "effect"
import { replace, without } from "../support/Mutations.ts"
import type { Random } from "./Random.ts"

type Json = Schema.Json

/** The bytes that are sent, and headers beside those of the route. */
export interface Sent {
  readonly bytes: Uint8Array
  readonly headers?: Readonly<Record<string, string>>
}

const encoder = new TextEncoder()
const text = (value: string): Sent => ({ bytes: encoder.encode(value) })

/** Strings that some rule is slow at, or that some store does not take. */
const worst = (random: Random): string => {
  const length = 10 ** (1 + random.below(4))
  const piece = random.pick(
    [
      "/",
      " ",
      "\n",
      " \n",
      "-",
      "a@",
      "@",
      ".",
      "a.",
      "\u0000",
      "\ud800",
      "\udc00",
      "é",
      "0",
      "+",
      "%",
      "#",
      "<",
      "{{"
    ]
      .concat(["\u0085", "\u202e", "{{a", "a-", "://", "🎫", "\\", "'", "${", "e\u0301"])
  )
  return piece.repeat(Math.ceil(length / piece.length)) + random.pick(["", "!", "\u0001", "x"])
}

const strangers: ReadonlyArray<Json> = [
  null,
  true,
  0,
  -1,
  1.5,
  2 ** 53,
  -(2 ** 63),
  "",
  [],
  {},
  [[]],
  "2025-06-20T09:00:00+24:00",
  "2025-06-20T09:00:00-99:99",
  "+275760-09-13T00:00:00.001Z",
  "-000001-01-01T00:00:00Z"
]

/** Numbers and texts that `JSON.stringify` does not write. */
const raw = ["1e309", "-1e309", "1e-400", "-0", "9".repeat(400), '"\\ud800"', '"\\u0000"', "01", "NaN", "tru"]

const pointers = (value: Json, path = ""): ReadonlyArray<string> =>
  typeof value !== "object" || value === null ? [path] : [
    path,
    ...Object.entries(value).flatMap(([key, item]) =>
      pointers(item, `${path}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`)
    )
  ]

const mark = "a-place-for-something-else"

/** The body with this text, which need not be JSON, in one of its places. */
const withText = (body: Json, random: Random, inserted: string): Sent => {
  const pointer = random.pick(pointers(body))
  const marked = pointer === "" ? mark : replace(body, pointer, mark)
  return text(JSON.stringify(marked).replace(JSON.stringify(mark), () => inserted))
}

const somewhere = (body: Json, random: Random, value: Json): Sent => {
  const pointer = random.pick(pointers(body))
  return text(JSON.stringify(pointer === "" ? value : replace(body, pointer, value)))
}

/** Powers of ten up to what a body may have; the large ones seldom. */
const size = (random: Random, most: number): number =>
  10 ** Math.min(most, random.chance(0.2) ? 1 + random.below(most) : 1 + random.below(3))

/** Each kind by its name. */
export const kinds: Readonly<Record<string, (body: Json, random: Random) => Sent>> = {
  "as it is": (body) => text(JSON.stringify(body)),
  "without a member": (body, random) => {
    const pointer = random.pick(pointers(body).slice(1))
    return text(JSON.stringify(pointer === undefined ? body : without(body, pointer)))
  },
  "another type": (body, random) => somewhere(body, random, random.pick(strangers)),
  "a hard string": (body, random) => somewhere(body, random, worst(random)),
  "a hard key": (body, random) => somewhere(body, random, { [worst(random)]: 1 }),
  "a key of the prototype": (body, random) =>
    withText(
      body,
      random,
      `{"${random.pick(["__proto__", "constructor", "prototype", "toString"])}":{"a":1}}`
    ),
  "raw text": (body, random) => withText(body, random, random.pick(raw)),
  "deep arrays": (body, random) => {
    const depth = size(random, 6)
    return withText(body, random, "[".repeat(depth) + "]".repeat(random.chance(0.7) ? depth : 0))
  },
  "deep objects": (body, random) => {
    const depth = size(random, 5)
    return withText(body, random, `${'{"a":'.repeat(depth)}1${"}".repeat(random.chance(0.7) ? depth : 0)}`)
  },
  "many elements": (body, random) => {
    const item = random.pick(["{}", "[]", "1", '""', "null", '{"a":1}'])
    const count = size(random, 6)
    return withText(body, random, `[${`${item},`.repeat(count - 1)}${item}]`)
  },
  "many of its own": (body, random) => {
    const found = pointers(body).filter((pointer) => /\/\d+$/.test(pointer))
    const pointer = random.pick(found)
    if (pointer === undefined) return text(JSON.stringify(body))
    const holder = pointer.replace(/\/\d+$/, "")
    const items = Array(size(random, 4)).fill(null)
    const marked = JSON.stringify(replace(body, holder, mark))
    const item = pointer.split("/").slice(1).reduce(
      (value, key) => (value as Record<string, Json>)[key.replaceAll("~1", "/").replaceAll("~0", "~")]!,
      body
    )
    return text(
      marked.replace(JSON.stringify(mark), () => `[${items.map(() => JSON.stringify(item)).join(",")}]`)
    )
  },
  "many members": (body, random) => {
    const members = Array.from({ length: size(random, 4) }, (_, at) => `"member-${at}":${at}`)
    return withText(body, random, `{${members.join(",")}}`)
  },
  "members twice": (body) => {
    const once = JSON.stringify(body)
    return text(once.startsWith("{") && once.length > 2 ? `{${once.slice(1, -1)},${once.slice(1)}` : once)
  },
  "cut": (body, random) => {
    const whole = encoder.encode(JSON.stringify(body))
    return { bytes: whole.slice(0, random.below(whole.length)) }
  },
  "a byte order mark": (body) => text(`\ufeff${JSON.stringify(body)}`),
  "broken UTF-8": (body, random) => {
    const bytes = encoder.encode(JSON.stringify(body))
    bytes[random.below(bytes.length)] = random.pick([0xff, 0xc0, 0x80, 0xed])
    return { bytes }
  },
  "compressed, it says": (body) => ({
    ...text(JSON.stringify(body)),
    headers: { "content-encoding": "gzip" }
  }),
  "another content type": (body, random) => ({
    ...text(JSON.stringify(body)),
    headers: {
      "content-type": random.pick([
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "x"
      ])
    }
  }),
  "an idempotency key of slashes": (body, random) => ({
    ...text(JSON.stringify(body)),
    headers: { "idempotency-key": "/".repeat(10 ** (1 + random.below(3))) }
  }),
  "random bytes": (_body, random) => ({ bytes: Uint8Array.from({ length: 200 }, () => random.below(256)) })
}

/** A value of a path or a query that is none. */
export const hostileWord = (random: Random): string =>
  random.pick([
    worst(random).slice(0, 2_000),
    "0",
    "-1",
    "1e9",
    "9007199254740993",
    "1;DROP",
    "../../etc/passwd",
    "%00",
    "null",
    ""
  ]).replace(/[\ud800-\udfff]/g, "\ufffd")
