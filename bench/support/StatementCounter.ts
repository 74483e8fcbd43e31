/**
 * Counts what a program asks of PostgreSQL by standing between them and reading the messages of the protocol: each
 * statement, prepared or not, and those that begin and end transactions, which `pg_stat_statements` of PostgreSQL 15
 * leaves out when they are prepared. Needs no extension; costs time, so it stands in no measured way.
 * Source of the format: https://www.postgresql.org/docs/15/protocol-message-formats.html.
 */
import { Buffer } from "node:buffer"
import { connect, createServer } from "node:net"

/** How often each text of a statement was executed. */
export type Statements = ReadonlyMap<string, number>

/** A counter before a database; `url` is where a program is to connect, `read` counts since the counter began. */
export interface StatementCounter extends AsyncDisposable {
  readonly url: string
  readonly read: () => Statements
}

const sslRequest = 80_877_103
const gssRequest = 80_877_104
const transaction = /^\s*(?:begin|start transaction|commit|end|rollback|abort|savepoint|release)\b/i

/** `transactions` are those that begin and end transactions and savepoints, `others` the rest. */
export const totals = (
  statements: Statements
): { readonly others: number; readonly transactions: number } => {
  let others = 0
  let transactions = 0
  for (const [sql, count] of statements) {
    if (transaction.test(sql)) transactions += count
    else others += count
  }
  return { others, transactions }
}

/** What was executed between two readings, divided by a number. */
export const between = (before: Statements, after: Statements, each: number): Statements =>
  new Map([...after].map(([sql, count]) => [sql, (count - (before.get(sql) ?? 0)) / each]))

/** The text up to a zero byte, and where the next field begins. */
const textAt = (bytes: Buffer, at: number): readonly [string, number] => {
  const end = bytes.indexOf(0, at)
  return [bytes.toString("utf8", at, end), end + 1]
}

/** Reads what one connection's client sends, and calls `ran` with the text of each statement that is executed. */
class Reader {
  readonly #ran: (sql: string) => void
  readonly #texts = new Map<string, string>()
  readonly #portals = new Map<string, string>()
  #rest = Buffer.alloc(0)
  #started = false

  constructor(ran: (sql: string) => void) {
    this.#ran = ran
  }

  /** Whether these bytes ask for encryption, which would hide the rest. */
  static asksForEncryption(bytes: Buffer): boolean {
    return bytes.length === 8 && [sslRequest, gssRequest].includes(bytes.readInt32BE(4))
  }

  read(bytes: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, bytes])
    for (;;) {
      const head = this.#started ? 1 : 0
      if (this.#rest.length < head + 4) return
      const size = head + this.#rest.readInt32BE(head)
      if (this.#rest.length < size) return
      if (this.#started) this.#message(String.fromCharCode(this.#rest[0] ?? 0), this.#rest.subarray(5, size))
      this.#started = true
      this.#rest = this.#rest.subarray(size)
    }
  }

  #message(kind: string, body: Buffer): void {
    if (kind === "Q") return this.#ran(textAt(body, 0)[0])
    const [name, next] = textAt(body, 0)
    if (kind === "P") this.#texts.set(name, textAt(body, next)[0])
    else if (kind === "B") this.#portals.set(name, this.#texts.get(textAt(body, next)[0]) ?? "")
    else if (kind === "E") this.#ran(this.#portals.get(name) ?? "")
  }
}

/** Stands before the database of this URL until it is disposed of. */
export const countStatements = async (databaseUrl: string): Promise<StatementCounter> => {
  const target = new URL(databaseUrl)
  const counted = new Map<string, number>()
  const server = createServer((client) => {
    const database = connect(Number(target.port || 5432), target.hostname)
    const reader = new Reader((sql) => void counted.set(sql, (counted.get(sql) ?? 0) + 1))
    client.setNoDelay(true)
    database.setNoDelay(true)
    client.on("data", (bytes: Buffer) => {
      if (Reader.asksForEncryption(bytes)) return void client.write("N")
      reader.read(bytes)
      database.write(bytes)
    })
    database.on("data", (bytes) => client.write(bytes))
    for (const [one, other] of [[client, database], [database, client]] as const) {
      one.on("error", () => other.destroy())
      one.on("close", () => other.destroy())
    }
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const address = server.address()
  const through = new URL(databaseUrl)
  through.host = `127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`
  return {
    url: through.href,
    read: () => new Map(counted),
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve()))
  }
}
