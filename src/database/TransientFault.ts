/** Which faults of the database are over by themselves, however deep something else wrapped them. */
import { Cause, Predicate } from "effect"
import { isSqlError, type SqlError } from "effect/sql/SqlError"
import { type Fate, rulingOf } from "./SqlStates.ts"

/** Faults are wrapped by the driver, the client, the cluster's storage, a queue: eight deep is more than all of them. */
const deepest = 8

const codeOf = (fault: unknown): string | undefined =>
  Predicate.hasProperty(fault, "code") && Predicate.isString(fault.code) ? fault.code : undefined

/** What is inside a wrapper. */
const wrapped = (fault: unknown): ReadonlyArray<unknown> =>
  Cause.isCause(fault)
    ? fault.reasons.flatMap((reason) =>
      Cause.isDieReason(reason) ? [reason.defect] : Cause.isFailReason(reason) ? [reason.error] : []
    )
    : fault instanceof AggregateError
    ? fault.errors
    : [
      ...Predicate.hasProperty(fault, "reason") ? [fault.reason] : [],
      ...Predicate.hasProperty(fault, "cause") ? [fault.cause] : []
    ]

const firstCode = (fault: unknown, depth: number): string | undefined => {
  if (depth > deepest || !Predicate.isObject(fault)) return undefined
  const code = codeOf(fault)
  if (code !== undefined && rulingOf(code) !== undefined) return code
  for (const inner of wrapped(fault)) {
    const found = firstCode(inner, depth + 1)
    if (found !== undefined) return found
  }
  return undefined
}

/**
 * The code nearest to the top says it. Where there is none, the client's class does: a connection, or a value that it
 * cannot encode or decode, ever.
 */
const fateOfSql = (fault: SqlError): Fate => {
  const code = firstCode(fault, 0)
  return code === undefined ? fault.isRetryable ? "passes" : "final" : rulingOf(code)?.fate ?? "final"
}

/** A reason's class and fields outlive the wire; a `PersistenceError`'s cause does not keep its class. */
const isFromStorage = (fault: object): boolean =>
  Predicate.isTagged(fault, "PersistenceError") || Predicate.isTagged(fault, "PersistedQueueError")

const order: ReadonlyArray<Fate> = ["passes", "doubtful", "final"]

const search = (fault: unknown, depth: number): Fate | undefined => {
  if (depth > deepest || !Predicate.isObject(fault)) return undefined
  if (isSqlError(fault)) return fateOfSql(fault)
  const found = wrapped(fault).flatMap((inner) => search(inner, depth + 1) ?? [])
  const fate = order.find((one) => found.includes(one))
  if (fate !== undefined || !isFromStorage(fault)) return fate
  const code = firstCode(fault, depth)
  return code === undefined ? "doubtful" : rulingOf(code)?.fate
}

/** What becomes of a fault of the database; undefined for what is none. */
export const fateOf = (fault: unknown): Fate | undefined => search(fault, 0)

/** Whether it may be otherwise in a moment: it is tried again, not recorded. */
export const isTransient = (fault: unknown): boolean => {
  const fate = fateOf(fault)
  return fate === "passes" || fate === "doubtful"
}

/** Whether a row of this key was there already. */
export const isUniqueViolation = (fault: unknown): boolean => firstCode(fault, 0) === "23505"
