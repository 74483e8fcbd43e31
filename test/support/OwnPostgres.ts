/** A PostgreSQL of the test's own, with `fsync` on: a cluster that a test may kill without harm to the others. */
import { Effect, type Scope } from "effect"
import { spawnSync } from "node:child_process"
import * as Fs from "node:fs"
import * as Path from "node:path"
import process from "node:process"
import { type CommandOptions, startCommand } from "./ChildCommand.ts"
import type { ChildProgram } from "./ChildProgram.ts"
import { type Mortal, mortal } from "./Mortal.ts"
import { freePorts, temporaryDirectory } from "./Served.ts"

const output = (command: string, args: ReadonlyArray<string>): string => {
  const { stdout, status } = spawnSync(command, args, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"]
  })
  return status === 0 ? stdout.trim() : ""
}

const distributed = (): ReadonlyArray<string> => {
  const root = "/usr/lib/postgresql"
  return Fs.existsSync(root) ? Fs.readdirSync(root).sort().reverse().map((name) => `${root}/${name}/bin`) : []
}

/** The directory of `initdb` and `postgres`, "" where there is none. */
const binaries = (): string =>
  [...(process.env.PATH ?? "").split(Path.delimiter), output("pg_config", ["--bindir"]), ...distributed()]
    .find((folder) =>
      folder !== "" && ["initdb", "postgres"].every((name) => Fs.existsSync(Path.join(folder, name)))
    ) ?? ""

/** PostgreSQL refuses to run as root: another user of the machine then runs it. */
const user = (): Pick<CommandOptions, "uid" | "gid"> | undefined => {
  if (process.getuid?.() !== 0) return {}
  for (const name of ["postgres", "nobody"]) {
    const [uid, gid] = [output("id", ["-u", name]), output("id", ["-g", name])]
    if (uid !== "" && gid !== "") return { uid: Number(uid), gid: Number(gid) }
  }
  return undefined
}

/** Whether one can be made; otherwise one line says that a test is skipped for want of it. */
export const hasPostgres = (): boolean => {
  const able = binaries() !== "" && user() !== undefined
  if (!able) process.stdout.write("a test is skipped: initdb and postgres not installed, or only for root\n")
  return able
}

const childrenOf = (parent: number): ReadonlyArray<number> =>
  output("ps", ["-A", "-o", "pid=,ppid="]).split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number))
    .flatMap(([pid, of]) => of === parent && pid !== undefined ? [pid] : [])

const kill = (pid: number): void => {
  try {
    process.kill(pid, "SIGKILL")
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error
  }
}

/** All of a server's processes; the first is stopped meanwhile, so that it starts none that is overlooked. */
const killAll = (child: ChildProgram): Effect.Effect<void> =>
  Effect.suspend(() => {
    process.kill(child.pid, "SIGSTOP")
    childrenOf(child.pid).forEach(kill)
    return child.kill("SIGKILL")
  })

export interface OwnPostgres extends Omit<Mortal<unknown>, "now"> {
  readonly url: string
}

/** Makes an empty cluster on a free port of the loopback interface; it goes with the scope. */
export const ownPostgres: Effect.Effect<OwnPostgres, never, Scope.Scope> = Effect.gen(function* () {
  const directory = yield* temporaryDirectory
  const owner = user() ?? {}
  if (owner.uid !== undefined && owner.gid !== undefined) Fs.chownSync(directory, owner.uid, owner.gid)
  const options = { ...owner, cwd: directory, env: { LC_ALL: "C" } }
  const [port] = yield* freePorts(1)
  const data = Path.join(directory, "data")
  const made = yield* startCommand(
    Path.join(binaries(), "initdb"),
    ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
    options
  )
  if ((yield* made.exit) !== 0) return yield* Effect.die(new Error(made.lines.join("\n")))
  const settings = ["fsync=on", "listen_addresses=127.0.0.1", `unix_socket_directories=${directory}`]
  const args = ["-D", data, "-p", String(port), ...settings.flatMap((setting) => ["-c", setting])]
  const { die, rise } = yield* mortal(
    Effect.gen(function* () {
      const child = yield* startCommand(Path.join(binaries(), "postgres"), args, options)
      yield* Effect.addFinalizer(() => child.kill("SIGINT"))
      yield* child.line((line) => line.includes("ready to accept connections"))
      return { child }
    }),
    killAll
  )
  return { url: `postgres://postgres@127.0.0.1:${port}/postgres`, die, rise }
})
