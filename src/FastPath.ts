/** A way in front of the routes, for a request whose every microsecond counts: no fiber, no middleware. */
import { Context, Effect, Layer } from "effect"

/** What can be judged before the body is read. */
export interface Head {
  readonly method?: string | undefined
  readonly url?: string | undefined
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
}

/** The routes answer after all: under this request id, and with what was begun for them. */
export interface Resumed {
  readonly resume: string
  readonly context: Context.Context<never> | undefined
}

/** An answer, ready to be sent, or none. */
export type Said =
  | { readonly status: number; readonly headers: Record<string, string>; readonly text: string }
  | Resumed

/** Whatever it does not take, or takes and does not answer, goes to the routes as if it had not been there. */
export interface FastPath {
  readonly takes: (head: Head) => boolean
  /** Answers later by `reply`, once, or says false at once. */
  readonly answer: (head: Head, body: string, reply: (said: Said) => void) => boolean
}

/** The fast path of this process, while there is one. */
export class FastPathRegistry extends Context.Service<FastPathRegistry, {
  readonly find: () => FastPath | undefined
  readonly open: (fastPath: FastPath) => Effect.Effect<void>
  readonly close: Effect.Effect<void>
}>()("guichet/FastPathRegistry") {
  /** Closed until something opens it. */
  static readonly layer: Layer.Layer<FastPathRegistry> = Layer.sync(FastPathRegistry, () => {
    let fastPath: FastPath | undefined
    return FastPathRegistry.of({
      find: () => fastPath,
      open: (opened) => Effect.sync(() => void (fastPath = opened)),
      close: Effect.sync(() => fastPath = undefined)
    })
  })
}
