/** Where some texts are: in every table, every key of a Redis and every file of a folder, whatever is there by now. */
import { Effect } from "effect"
import type { Redis } from "effect/persistence"
import { SqlClient } from "effect/sql"
import * as Fs from "node:fs"
import * as Path from "node:path"

/** The texts as they are, and as `bytea` is shown. */
const spellings = (texts: ReadonlyArray<string>): ReadonlyArray<string> =>
  texts.flatMap((text) => [text, Buffer.from(text).toString("hex")])

/** The tables that have one of these texts, in any column. */
export const tablesWith = Effect.fnUntraced(function* (texts: ReadonlyArray<string>) {
  const sql = yield* SqlClient.SqlClient
  const patterns = spellings(texts).map((text) => `%${text}%`)
  const tables = yield* sql<{ name: string }>`
    SELECT table_name AS name FROM information_schema.tables
    WHERE table_schema = 'public' AND table_type = 'BASE TABLE' ORDER BY 1`
  const found = yield* Effect.filter(tables, ({ name }) =>
    Effect.map(
      sql`SELECT 1 FROM ${sql(name)} AS t WHERE to_jsonb(t)::text LIKE ANY(${patterns}::text[]) LIMIT 1`,
      (rows) => rows.length > 0
    ))
  return found.map(({ name }) => name)
}, Effect.orDie)

/** The command that reads all of a key, by its type. */
const readers: Readonly<Record<string, (key: string) => readonly [string, ...ReadonlyArray<string>]>> = {
  string: (key) => ["GET", key],
  list: (key) => ["LRANGE", key, "0", "-1"],
  set: (key) => ["SMEMBERS", key],
  zset: (key) => ["ZRANGE", key, "0", "-1"],
  hash: (key) => ["HGETALL", key],
  stream: (key) => ["XRANGE", key, "-", "+"]
}

/** The keys of a Redis that have one of these texts in their name or their value. */
export const keysWith = Effect.fnUntraced(
  function* (redis: Redis.Redis["Service"], texts: ReadonlyArray<string>) {
    const keys = yield* redis.send<ReadonlyArray<string>>("KEYS", "*")
    return yield* Effect.filter(keys, (key) =>
      Effect.gen(function* () {
        const type = yield* redis.send<string>("TYPE", key)
        const [command, ...args] = readers[type]!(key)
        const value = JSON.stringify(yield* redis.send<unknown>(command, ...args))
        return texts.some((text) => key.includes(text) || value.includes(text))
      }))
  },
  Effect.orDie
)

/** A text somewhere in base64 that was made of it and of what stands around it, whichever of the three ways it falls. */
const inBase64 = (text: string): ReadonlyArray<string> =>
  [0, 1, 2].map((before) => {
    const encoded = Buffer.from("x".repeat(before) + text).toString("base64").replaceAll("=", "")
    return encoded.slice(before === 0 ? 0 : before + 1, -1)
  })

const filesOf = (folder: string): ReadonlyArray<string> =>
  Fs.readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => Path.join(entry.parentPath, entry.name))

/** The files below a folder that have one of these texts in their name or their bytes; the embedded database is left out. */
export const filesWith = (folder: string, texts: ReadonlyArray<string>): ReadonlyArray<string> =>
  filesOf(folder)
    .map((path) => Path.relative(folder, path))
    .filter((name) => !name.startsWith("data/"))
    .filter((name) => {
      const bytes = Fs.readFileSync(Path.join(folder, name), "latin1").replaceAll(/=?\r?\n/g, "")
      return texts.some((text) =>
        name.includes(text) || [text, ...inBase64(text)].some((one) => bytes.includes(one))
      )
    })
    .sort()

/** The files and folders below a folder that others than their owner may read or write. */
export const openToOthers = (folder: string): ReadonlyArray<string> =>
  Fs.readdirSync(folder, { recursive: true, withFileTypes: true })
    .map((entry) => Path.join(entry.parentPath, entry.name))
    .filter((path) => (Fs.statSync(path).mode & 0o077) !== 0)
    .map((path) => Path.relative(folder, path))
    .sort()
