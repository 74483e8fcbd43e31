/**
 * What becomes of each fault of PostgreSQL (appendix A of its manual): whether it is over by itself, and why we say so.
 * A fault that durable work does not wait out is stored as its answer for good.
 */

/**
 * `passes`: it is waited out, however long. `doubtful`: nobody can say; it is waited out for an hour. `final`: the same
 * statement fails for ever.
 */
export type Fate = "passes" | "doubtful" | "final"

interface Ruling {
  readonly fate: Fate
  readonly because: string
}

const passes = (because: string): Ruling => ({ fate: "passes", because })
const doubtful = (because: string): Ruling => ({ fate: "doubtful", because })
const final = (because: string): Ruling => ({ fate: "final", because })

/** Codes that differ from their class. */
const codes: Readonly<Record<string, Ruling>> = {
  "25006": passes("the server is a standby until its fail-over is done, or read-only for a while"),
  "25P03": passes("the session was idle in its transaction for too long and was ended"),
  "25P04": passes("the transaction took too long and was ended"),
  "26000": passes("a pooler gave the session to somebody else, or the server forgot the statement"),
  "40002": final("an integrity constraint refused the transaction"),
  "42P05": passes("a pooler gave us a session that has a statement of this name"),
  "55006": passes("another session uses the object"),
  "55P03": passes("the lock was not given in time"),
  "57P04": doubtful("the database was dropped; it may be restored"),
  "58P03": doubtful("a file's name is too long; an operator may mend it")
}

/** The first two characters of a code. */
const classes: Readonly<Record<string, Ruling>> = {
  "02": final("no data"),
  "03": final("the statement was not complete"),
  "08": passes("the connection was lost, before or after"),
  "09": final("a trigger refused"),
  "0A": final("the server does not have this feature"),
  "0B": final("a transaction cannot begin here"),
  "0F": final("a locator is wrong"),
  "0L": final("a grantor is wrong"),
  "0P": final("a role is wrong"),
  "0Z": final("diagnostics are wrong"),
  "10": final("XQuery is wrong"),
  "20": final("no case matched"),
  "21": final("more rows than allowed"),
  "22": final("a value that its type does not have"),
  "23": final("an integrity constraint refused it"),
  "24": final("a cursor's state is wrong"),
  "25": final("a transaction's state is wrong"),
  "26": final("a statement's name is wrong"),
  "27": final("a trigger changed the row before"),
  "28": final("the user or the password is refused: the start says it"),
  "2B": final("other privileges depend on these"),
  "2D": final("a transaction cannot end here"),
  "2F": final("a routine of SQL failed"),
  "34": final("a cursor's name is wrong"),
  "38": final("an external routine failed"),
  "39": final("an external routine was called wrongly"),
  "3B": final("a savepoint is wrong"),
  "3D": final("there is no such database: the start says it"),
  "3F": final("there is no such schema: the start says it"),
  "40": passes("the transaction was rolled back to be tried again: a deadlock, a conflict, an unknown end"),
  "42": final("the statement is wrong, or we may not run it: the start says it"),
  "44": final("a view's check refused it"),
  "53": passes("out of connections, memory, disk or a configured limit: an operator mends it"),
  "54": final("the statement is larger than the server's limits"),
  "55": doubtful("an object is not in the state that the statement needs"),
  "57": passes(
    "an operator's doing: the session was ended, the statement canceled, the server starts or stops"
  ),
  "58": passes("the server's own files or devices failed: an operator mends it"),
  "72": passes("the snapshot is too old: it is taken again"),
  F0: doubtful("the server's configuration file is wrong: an operator may mend it"),
  HV: final("a foreign table failed"),
  P0: final("a routine of PL/pgSQL raised it"),
  XX: doubtful("an internal error of the server, or damaged data")
}

/** A code that no appendix names: an extension's, or a newer server's. */
const unknown = doubtful("nobody has said what it is")

/** What the driver and the system say without a code of PostgreSQL. */
const connection = passes("the connection could not be made, or broke")

const systemCodes = new Set([
  "EAI_AGAIN",
  "ECONNABORTED",
  "ECONNREFUSED",
  "ECONNRESET",
  "EHOSTDOWN",
  "EHOSTUNREACH",
  "EMFILE",
  "ENETDOWN",
  "ENETRESET",
  "ENETUNREACH",
  "ENFILE",
  "ENOTFOUND",
  "EPIPE",
  "ETIMEDOUT"
])

/** The ruling on a code of PostgreSQL or of the system; undefined for what is neither. */
export const rulingOf = (code: string): Ruling | undefined =>
  systemCodes.has(code)
    ? connection
    : /^[0-9A-Z]{5}$/.test(code)
    ? codes[code] ?? classes[code.slice(0, 2)] ?? unknown
    : undefined
