/** One process per data directory: PGlite has no lock of its own and two writers destroy the data. */
import { Effect, type Scope } from "effect"
import { randomBytes } from "node:crypto"
import * as Fs from "node:fs"
import process from "node:process"
import { DatabaseError } from "./DatabaseError.ts"
import { answers, listenForLife } from "./LifeSocket.ts"

const noSocket = "-"

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code

const readOrUndefined = (path: string): string | undefined => {
  try {
    return Fs.readFileSync(path, "utf8")
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined
    throw error
  }
}

/** Where no socket can be made, only a process number that is certainly free, or ours, frees the lock. */
const mayRun = (pid: number): boolean => {
  if (pid === process.pid) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return codeOf(error) !== "ESRCH"
  }
}

const isAlive = (path: string, holder: string): Effect.Effect<boolean> => {
  const [pid = "", token = noSocket] = holder.split(" ")
  return token === noSocket ? Effect.sync(() => mayRun(Number(pid))) : answers(`${path}.${token}`)
}

/** Creates the file with its content in one step, so that no reader sees it empty. */
const create = (path: string, draft: string): boolean => {
  try {
    Fs.linkSync(draft, path)
    return true
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false
    throw error
  }
}

/** Moves a dead holder's file away, and puts it back when another process had just replaced it. */
const removeStale = (path: string, holder: string, aside: string): void => {
  try {
    Fs.renameSync(path, aside)
  } catch (error) {
    if (codeOf(error) === "ENOENT") return
    throw error
  }
  if (readOrUndefined(aside) !== holder) create(path, aside)
  else Fs.rmSync(`${path}.${holder.split(" ")[1]}`, { force: true })
  Fs.rmSync(aside, { force: true })
}

/** Answers the living holder's process id, or undefined once the lock is ours. */
const take = (path: string, token: string, hasSocket: boolean): Effect.Effect<string | undefined> =>
  Effect.gen(function* () {
    const draft = `${path}.${token}.draft`
    Fs.writeFileSync(draft, `${process.pid} ${hasSocket ? token : noSocket}`, { mode: 0o600 })
    while (!create(path, draft)) {
      const holder = readOrUndefined(path)
      if (holder === undefined) continue
      if (yield* isAlive(path, holder)) return holder.split(" ")[0]
      removeStale(path, holder, `${path}.${token}.stale`)
    }
    return undefined
  }).pipe(Effect.ensuring(Effect.sync(() => Fs.rmSync(`${path}.${token}.draft`, { force: true }))))

/**
 * Holds `path` as a lock file with our process id until the scope closes. The holder is alive while its
 * socket beside the file accepts: a killed process frees the lock at once, a frozen one keeps it, and
 * neither a reused process number nor a container's own numbering can mislead.
 */
export const acquireDirectoryLock = (path: string): Effect.Effect<void, DatabaseError, Scope.Scope> =>
  Effect.gen(function* () {
    const token = randomBytes(4).toString("hex")
    const hasSocket = yield* listenForLife(`${path}.${token}`)
    const holder = yield* Effect.acquireRelease(
      take(path, token, hasSocket),
      (holder) => Effect.sync(() => holder === undefined && Fs.rmSync(path, { force: true }))
    ).pipe(
      Effect.catchDefect((cause) =>
        Effect.fail(new DatabaseError({ message: `The lock file ${path} cannot be written.`, cause }))
      )
    )
    if (holder === undefined) return
    return yield* new DatabaseError({
      inUse: true,
      message: `Another process (${holder}) is using this data directory. Stop it first, or set ` +
        `GUICHET_DATA to another directory. If no such process is Guichet, delete ${path}.`
    })
  })
