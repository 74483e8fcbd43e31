/**
 * What is measured of SQL: each statement under its group, which is its verb and the first table that it names. The text
 * is that of our own statements without their values, so the groups are as many as the code has.
 *
 * Statements of effect run through `withConnectionSpan`, whichever way they are asked for and on whatever client; it is
 * the one place where a statement, its span, its wait for a connection and its end come together, so it is measured there.
 */
import { Effect, Exit, Option, type Tracer } from "effect"
import type { SqlClient } from "effect/sql"
import * as Instruments from "./Instruments.ts"

const ran = Instruments.duration("db.client.operation.duration", {
  description: "How long SQL statements took, with their wait for a connection, by verb, table and error",
  labels: ["db.system.name", "db.operation.name", "db.collection.name", "error.type"],
  most: 500
})

const waited = Instruments.duration("db.client.connection.wait_time", {
  description: "How long statements waited for a connection of the pool",
  labels: ["db.client.connection.pool.name"]
})

const used = Instruments.gauge("db.client.connection.used", {
  description: "Connections of the pool that run a statement",
  unit: "{connection}",
  labels: ["db.client.connection.pool.name"]
})

const pending = Instruments.gauge("db.client.connection.pending_requests", {
  description: "Statements that wait for a connection of the pool",
  unit: "{request}",
  labels: ["db.client.connection.pool.name"]
})

const most = Instruments.gauge("db.client.connection.max", {
  description: "The most connections of the pool (DATABASE_POOL)",
  unit: "{connection}",
  labels: ["db.client.connection.pool.name"]
})

const pool = "guichet"

export const poolHas = (connections: number): void => most.update(connections, pool)

interface Group {
  readonly verb: string
  readonly table: string
}

const unknown: Group = { verb: "OTHER", table: "" }

const table =
  /\b(?:INSERT\s+INTO|DELETE\s+FROM|UPDATE|FROM|JOIN|TABLE)\s+(?:ONLY\s+)?"?(?!(?:set|lateral|unnest|skip|if|of|now|no|nowait|asked|select)\b)([a-z][a-z_]*)"?/i
const written = /\b(INSERT\s+INTO|DELETE\s+FROM|UPDATE)\s+"?(?!(?:set|of|skip|no|nowait)\b)([a-z][a-z_]*)"?/i

/** The group of a statement: of several verbs in one, that which writes first. */
export const groupOf = (text: string): Group => {
  const verb = /^\s*([a-z]+)/i.exec(text)?.[1]?.toUpperCase()
  if (verb === undefined) return unknown
  const write = verb === "WITH" ? written.exec(text) : null
  if (write !== null) return { verb: write[1]!.split(/\s/)[0]!.toUpperCase(), table: write[2]!.toLowerCase() }
  return { verb: verb === "WITH" ? "SELECT" : verb, table: table.exec(text)?.[1]?.toLowerCase() ?? "" }
}

/** So many texts are remembered: those of templates, which are one object each for as long as the process lives. */
const remembered = 2_000

const groups = new Map<string, Group>()

interface Segment {
  readonly _tag: string
  readonly value?: unknown
}

const literalsOf = (segments: ReadonlyArray<Segment>): string => {
  let text = ""
  for (const { _tag, value } of segments) {
    if (_tag === "Literal" && typeof value === "string") text += value
    else text += " ? "
    if (text.length > 4_000) break
  }
  return text
}

const groupOfSegments = (segments: ReadonlyArray<Segment>): Group => {
  const first = segments[0]?.value
  // A beginning this long is a statement of its own; a shorter one may begin several.
  const key = typeof first === "string" && first.length > 60 ? first : literalsOf(segments)
  const known = groups.get(key)
  if (known !== undefined) return known
  const group = groupOf(key === first ? literalsOf(segments) : key)
  if (groups.size < remembered) groups.set(key, group)
  return group
}

type Execute = <A, E>(
  this: { readonly segments: ReadonlyArray<Segment> },
  operation: string,
  run: (...connected: ReadonlyArray<unknown>) => Effect.Effect<A, E>,
  withoutTransform: boolean,
  span: Tracer.Span
) => Effect.Effect<A, E>

/** Where statements of effect have the method; nothing is measured of a version that has it elsewhere, which a test tells. */
interface Prototype {
  withConnectionSpan?: Execute
}

const measured = Symbol.for("guichet/telemetry/metrics/SqlMetrics")

let waiting = 0
let running = 0

const tell = () => {
  used.update(running, pool)
  pending.update(waiting, pool)
}

/** A statement that nobody's trace asked for (a keeper's look, a poll) is no trace of its own; the others say their group. */
const describe = (span: Tracer.Span, { table, verb }: Group): void => {
  if (span._tag !== "Span" || !span.sampled) return
  if (Option.isNone(span.parent)) {
    Object.assign(span, { sampled: false })
    return
  }
  span.attribute("db.operation.name", verb)
  if (table !== "") span.attribute("db.collection.name", table)
  Object.assign(span, { name: table === "" ? verb : `${verb} ${table}` })
}

const measuring = (original: Execute): Execute =>
  function (operation, run, withoutTransform, span) {
    return Effect.suspend(() => {
      const group = groupOfSegments(this.segments)
      describe(span, group)
      const began = performance.now()
      let isRunning = false
      waiting++
      const connected: typeof run = (...values) => {
        if (!isRunning) {
          isRunning = true
          waiting--
          running++
          waited.update((performance.now() - began) / 1_000, pool)
          tell()
        }
        return run(...values)
      }
      return Effect.onExit(
        original.call(this, operation, connected, withoutTransform, span) as ReturnType<typeof run>,
        (exit) =>
          Effect.sync(() => {
            if (isRunning) running--
            else waiting--
            tell()
            const error = Exit.isSuccess(exit) ? "" : errorOf(exit)
            ran.update((performance.now() - began) / 1_000, "postgresql", group.verb, group.table, error)
          })
      )
    })
  }

/** The kind of a failure: its reason's tag, which is one of effect's. */
const errorOf = (exit: Exit.Failure<unknown, unknown>): string => {
  for (const reason of exit.cause.reasons) {
    if (reason._tag !== "Fail") continue
    const { error } = reason as { readonly error: unknown }
    if (typeof error === "object" && error !== null && "reason" in error) {
      const { reason: inner } = error
      if (typeof inner === "object" && inner !== null && "_tag" in inner) return String(inner._tag)
    }
    return "SqlError"
  }
  return "Interrupted"
}

/** Measures all statements of the process from now on, once. */
export const measure = (sql: SqlClient.SqlClient): boolean => {
  const prototype = Object.getPrototypeOf(sql`SELECT 1`) as Prototype & { [measured]?: true }
  if (prototype[measured]) return true
  if (prototype.withConnectionSpan === undefined) return false
  prototype.withConnectionSpan = measuring(prototype.withConnectionSpan)
  prototype[measured] = true
  return true
}
