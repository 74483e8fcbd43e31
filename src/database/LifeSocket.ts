/** A process's sign of life: a socket that the kernel closes with it, however it ends. */
import { Effect, type Scope } from "effect"
import * as Fs from "node:fs"
import { listen } from "../bounds/Listener.ts"
import { connect, createServer } from "node:net"
import * as Path from "node:path"
import process from "node:process"

/** A socket's address holds about a hundred bytes: the shorter of the two spellings. */
const addressOf = (path: string): string => {
  const relative = Path.relative(process.cwd(), path)
  return relative.length < path.length ? relative : path
}

/** Accepts on `path` until the scope closes; false where the file system or the path allows no socket. */
export const listenForLife = (path: string): Effect.Effect<boolean, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.callback<ReturnType<typeof createServer> | undefined>((resume) => {
      const server = createServer((socket) => socket.destroy())
      const none = () => resume(Effect.succeed(undefined))
      listen(server, "error", none, none)
      server.listen(addressOf(path), () => {
        Fs.chmodSync(path, 0o600)
        resume(Effect.succeed(server.unref()))
      })
    }),
    (server) =>
      Effect.sync(() => {
        server?.close()
        Fs.rmSync(path, { force: true })
      })
  ).pipe(Effect.map((server) => server !== undefined))

/** Whether a living process accepts on `path`. What cannot be known counts as living. */
export const answers = (path: string): Effect.Effect<boolean> =>
  Effect.callback<boolean>((resume) => {
    const socket = connect(addressOf(path))
    const say = (living: boolean) => resume(Effect.succeed(living))
    const connected = () => {
      socket.destroy()
      say(true)
    }
    const refused = ({ code }: NodeJS.ErrnoException) => say(code !== "ECONNREFUSED" && code !== "ENOENT")
    listen(socket, "connect", connected, () => say(true))
    listen(socket, "error", refused, () => say(true))
    return Effect.sync(() => socket.destroy())
  })
