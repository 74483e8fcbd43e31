/** A way in front of the routes, for a request whose every microsecond counts: no fiber, no middleware. */
import { Context, Effect, Layer, MutableRef, type Scope } from "effect"

/** No longer body comes here: a scan has a few hundred bytes. */
export const longestBody = 16_384

/** What can be judged before the body is read. */
export interface Head {
  readonly method?: string | undefined
  readonly url?: string | undefined
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
}

/** A header that came once, as text. */
export const text = ({ headers }: Head, name: string): string | undefined => {
  const value = headers[name]
  return typeof value === "string" ? value : undefined
}

/** Where scans are decided, by the core and by the scan service: a test compares them with the contracts. */
const gateRoutes: ReadonlySet<string> = new Set([
  "/api/scans/validate",
  "/api/internal/scan-validation",
  "/api/scans/verify"
])

/** Whether the request says that it is a gate's. */
export const saysGate = ({ method, url = "" }: Pick<Head, "method" | "url">): boolean =>
  method === "POST" && gateRoutes.has(url)

/** The routes answer after all: under this request id, and with what was begun for them. */
export interface Resumed {
  readonly resume: string
  readonly context: Context.Context<never> | undefined
}

/** An answer, ready to be sent, or none. */
export type FastAnswer =
  | { readonly status: number; readonly headers: Record<string, string>; readonly text: string }
  | Resumed

/** Whatever it does not take, or takes and does not answer, goes to the routes as if it had not been there. */
export interface FastPath {
  readonly takes: (head: Head) => boolean
  /** Answers later by `reply`, once, or says false at once. */
  readonly answer: (head: Head, body: Uint8Array, reply: (answer: FastAnswer) => void) => boolean
  /** Who asks, as far as that is known without asking anybody: an organisation, a steward, or who is at this address. */
  readonly callerOf?: (head: Head, address: string | undefined) => string
}

/** The fast path of this process, while there is one: read for each request, without a call. */
export class FastPathRegistry
  extends Context.Service<FastPathRegistry, MutableRef.MutableRef<FastPath | undefined>>()(
    "guichet/FastPathRegistry"
  ) {
  /** Closed until something opens it. */
  static readonly layer: Layer.Layer<FastPathRegistry> = Layer.sync(
    FastPathRegistry,
    () => MutableRef.make<FastPath | undefined>(undefined)
  )
}

/** Paths beside each other: the one that takes a request answers it. */
const together = (paths: ReadonlyArray<FastPath>): FastPath | undefined => {
  const callerOf = paths.find((path) => path.callerOf !== undefined)?.callerOf
  return paths.length < 2 ? paths[0] : {
    takes: (head) => paths.some((path) => path.takes(head)),
    answer: (head, body, reply) => paths.find((path) => path.takes(head))?.answer(head, body, reply) ?? false,
    ...(callerOf === undefined ? {} : { callerOf })
  }
}

const opened = new WeakMap<object, ReadonlyArray<FastPath>>()

const change = (
  registry: FastPathRegistry["Service"],
  to: (paths: ReadonlyArray<FastPath>) => ReadonlyArray<FastPath>
) =>
  Effect.sync(() => {
    const paths = to(opened.get(registry) ?? [])
    opened.set(registry, paths)
    MutableRef.set(registry, together(paths))
  })

/** Opens a path beside those that are open, for as long as the scope is. */
export const open = (
  registry: FastPathRegistry["Service"],
  fastPath: FastPath
): Effect.Effect<void, never, Scope.Scope> =>
  Effect.asVoid(Effect.acquireRelease(
    change(registry, (paths) => [...paths, fastPath]),
    () => change(registry, (paths) => paths.filter((one) => one !== fastPath))
  ))
