/** A connection to a server as its client holds it, with nothing between: what was said, and when it ends. */
import { Effect, type Scope } from "effect"
import { connect } from "node:net"

/** One connection. */
export interface Wire {
  readonly say: (text: string) => void
  /** Waits until what the server has said contains this; dies when the connection ends before. */
  readonly heard: (text: string) => Effect.Effect<void>
  /** Waits until the server ends the connection. */
  readonly ended: Effect.Effect<void>
}

/** Connects to a port of this machine; the connection does not outlive the scope. */
export const wire = (port: string | undefined): Effect.Effect<Wire, never, Scope.Scope> =>
  Effect.gen(function* () {
    const socket = yield* Effect.acquireRelease(
      Effect.callback<ReturnType<typeof connect>>((resume) => {
        const opened = connect(Number(port), "127.0.0.1", () => resume(Effect.succeed(opened)))
        opened.once("error", (error) => resume(Effect.die(error)))
      }),
      (opened) => Effect.sync(() => opened.destroy())
    )
    let said = ""
    const listeners = new Set<() => void>()
    const notify = () => listeners.forEach((listener) => listener())
    socket.on("data", (bytes) => {
      said += bytes.toString("latin1")
      notify()
    })
    socket.on("close", notify)
    const until = (state: () => Effect.Effect<void> | undefined) =>
      Effect.callback<void>((resume) => {
        const look = () => {
          const outcome = state()
          if (outcome !== undefined) resume(outcome)
        }
        listeners.add(look)
        look()
        return Effect.sync(() => listeners.delete(look))
      })
    return {
      say: (text) => void socket.write(text),
      heard: (text) =>
        until(() => {
          if (said.includes(text)) return Effect.void
          return socket.destroyed ? Effect.die(new Error(`The connection ended after: ${said}`)) : undefined
        }),
      ended: until(() => socket.destroyed ? Effect.void : undefined)
    }
  })
