/** A way to PostgreSQL that loses an answer on demand: the server has done what was asked, and nobody hears of it. */
import { Effect, type Scope } from "effect"
import { type AddressInfo, connect, createServer, type Socket } from "node:net"

export interface LosingProxy {
  /** The database's URL over the proxy. */
  readonly url: string
  /** The next answer that a connection is sent ends that connection instead. */
  readonly loseNext: () => void
}

/** Lives as long as its scope. */
export const make = (target: string): Effect.Effect<LosingProxy, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { hostname, port } = new URL(target)
    let isLosing = false
    const open = new Set<Socket>()
    const server = createServer((client) => {
      const database = connect(Number(port), hostname)
      const end = () => {
        client.destroy()
        database.destroy()
      }
      for (const socket of [client, database]) {
        open.add(socket)
        socket.on("close", end).on("error", end)
      }
      client.on("data", (chunk) => database.write(chunk))
      database.on("data", (chunk) => {
        if (!isLosing) return client.write(chunk)
        isLosing = false
        end()
      })
    })
    yield* Effect.acquireRelease(
      Effect.callback<void>((resume) => {
        server.listen(0, "127.0.0.1", () => resume(Effect.void))
      }),
      () =>
        Effect.callback<void>((resume) => {
          for (const socket of open) socket.destroy()
          server.close(() => resume(Effect.void))
        })
    )
    const url = new URL(target)
    url.hostname = "127.0.0.1"
    url.port = String((server.address() as AddressInfo).port)
    return {
      url: url.href,
      loseNext: () => {
        isLosing = true
      }
    }
  })
