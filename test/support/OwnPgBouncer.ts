/** A PgBouncer of the test's own, in front of the tests' PostgreSQL server. */
import { Effect, type Scope } from "effect"
import { spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Path from "node:path"
import process from "node:process"
import { startCommand } from "./ChildCommand.ts"
import { freePorts, temporaryDirectory } from "./Served.ts"
import { serverUrl } from "./TestDatabase.ts"

const idOf = (flag: "-u" | "-g"): number =>
  Number(spawnSync("id", [flag, "postgres"], { encoding: "utf8" }).stdout || NaN)

/** Whether it is installed and may be started; otherwise one line says that a test is skipped for want of it. */
export const hasPgBouncer = (): boolean => {
  const installed = serverUrl !== undefined &&
    spawnSync("pgbouncer", ["--version"], { stdio: "ignore" }).error === undefined &&
    (process.getuid?.() !== 0 || Number.isInteger(idOf("-u")))
  if (!installed) process.stdout.write("a test is skipped: pgbouncer not installed\n")
  return installed
}

/** Starts one that shares two sessions; answers the URL of a database behind it. */
export const ownPgBouncer = (
  mode: "session" | "transaction",
  databaseUrl: string
): Effect.Effect<string, never, Scope.Scope> =>
  Effect.gen(function* () {
    const directory = yield* temporaryDirectory
    const [port] = yield* freePorts(1)
    const { hostname, password, pathname, port: behind, username } = new URL(databaseUrl)
    const database = pathname.slice(1)
    const login = `user=${username}${password === "" ? "" : ` password=${password}`}`
    const file = Path.join(directory, "pgbouncer.ini")
    Fs.writeFileSync(
      file,
      [
        "[databases]",
        `${database} = host=${hostname} port=${behind || 5432} dbname=${database} ${login}`,
        "[pgbouncer]",
        `listen_addr = 127.0.0.1`,
        `listen_port = ${port}`,
        "unix_socket_dir =",
        "auth_type = any",
        `pool_mode = ${mode}`,
        "default_pool_size = 5"
      ].join("\n")
    )
    const owner = process.getuid?.() === 0 ? { uid: idOf("-u"), gid: idOf("-g") } : undefined
    if (owner !== undefined) {
      Fs.chownSync(directory, owner.uid, owner.gid)
      Fs.chownSync(file, owner.uid, owner.gid)
    }
    const child = yield* startCommand("pgbouncer", [file], { ...owner, cwd: directory })
    yield* child.line((line) => line.includes("process up"))
    return `postgres://${username}@127.0.0.1:${port}/${database}`
  })
