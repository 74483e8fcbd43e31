/** The process watches its event loop: while one piece of work holds it, no request is answered and no scan decided. */
import { Context, Effect, type Fiber, Layer, Metric, Option, Scheduler, Tracer } from "effect"
import { HttpRouter } from "effect/http"
import process from "node:process"

/** How often the loop is asked to come by, and how late it may come, in milliseconds. */
const [interval, longest] = [20, 50]

/** Between two warnings of the same work, in milliseconds: what comes in between is counted. */
const quiet = 1_000

/** How long the loop was held each time that it was held too long; `by` is a route's pattern, `background` or `unknown`. */
export const held = Metric.histogram("guichet.event_loop.held", {
  attributes: { unit: "ms" },
  description: "How long one piece of work held the event loop, where it was more than 50 ms",
  boundaries: [50, 100, 250, 500, 1_000, 5_000]
})

/** The longest hold of the last minute, and the memory of the process, weighed every five seconds. */
export const longestHeld = Metric.gauge("guichet.event_loop.longest", {
  attributes: { unit: "ms" },
  description: "The longest time of the last minute that one piece of work held the event loop"
})
export const residentMemory = Metric.gauge("guichet_resident_memory_bytes", {
  description: "The memory of the process"
})

/** How long the loop was held lately, of `of` milliseconds, in turns that were too long. */
export interface HeldLately {
  readonly milliseconds: number
  readonly of: number
}

/** So far back "lately" reaches, in milliseconds. */
const lately = 10_000

/** Where a process watches its loop: how long it was held lately; nothing by default. */
export const LoopHeld = Context.Reference<() => HeldLately>("guichet/telemetry/LoopHeld", {
  defaultValue: () => () => ({ milliseconds: 0, of: lately })
})

/** Adds up the holds of the last seconds. */
export const makeHolds = (now: () => number) => {
  let holds: ReadonlyArray<{ readonly at: number; readonly milliseconds: number }> = []
  const recent = () => holds.filter(({ at }) => now() - at < lately)
  return {
    add: (milliseconds: number) => void (holds = [...recent(), { at: now(), milliseconds }]),
    held: (): HeldLately => ({
      milliseconds: recent().reduce((sum, hold) => sum + hold.milliseconds, 0),
      of: lately
    })
  }
}

/** Processor time of this thread, in milliseconds: on a busy machine the loop also waits while it holds nobody. */
const worked = (): number => {
  const { system, user } = process.threadCpuUsage()
  return (system + user) / 1_000
}

/** Notes in which context a fiber had the longest turn since it was last asked: a route adds its own. */
class WatchedScheduler extends Scheduler.MixedScheduler {
  private current: Context.Context<never> | undefined
  private since = 0
  private slowest: Context.Context<never> | undefined
  private turn = 0

  override shouldYield(fiber: Fiber.Fiber<unknown, unknown>): boolean {
    if (fiber.context !== this.current) this.pass(fiber.context)
    return super.shouldYield(fiber)
  }

  private pass(context: Context.Context<never> | undefined): void {
    const now = performance.now()
    if (now - this.since > this.turn) {
      this.turn = now - this.since
      this.slowest = this.current
    }
    this.current = context
    this.since = now
  }

  /** The context of the longest turn since the last call. */
  takeSlowest(): Context.Context<never> | undefined {
    this.pass(undefined)
    const { slowest } = this
    this.turn = 0
    this.slowest = undefined
    return slowest
  }
}

/** What was done there: `by` is the pattern of its route, never the path that was asked; `work` its span where there is one. */
interface Work {
  readonly by: string
  readonly work: string | undefined
}

const workOf = (context: Context.Context<never> | undefined): Work => {
  const known = context ?? Context.empty()
  const route = Context.getOption(known as Context.Context<HttpRouter.RouteContext>, HttpRouter.RouteContext)
  if (Option.isSome(route)) return { by: route.value.route.path, work: route.value.route.path }
  const span = Context.getOption(known as Context.Context<Tracer.ParentSpan>, Tracer.ParentSpan)
  return Option.isSome(span) && span.value._tag === "Span"
    ? { by: "background", work: span.value.name }
    : { by: "unknown", work: undefined }
}

/** One look at the loop: how long it was held, and by what. */
interface Hold extends Work {
  readonly milliseconds: number
}

/** Calls `heldFor` each time that the loop was held too long. */
const watch = (scheduler: WatchedScheduler, heldFor: (hold: Hold) => void) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      let [last, before] = [performance.now(), worked()]
      const timer = setInterval(() => {
        const [now, after] = [performance.now(), worked()]
        const milliseconds = Math.min(now - last - interval, after - before)
        const slowest = scheduler.takeSlowest()
        last = now
        before = after
        if (milliseconds > longest) heldFor({ milliseconds, ...workOf(slowest) })
      }, interval)
      timer.unref()
      return timer
    }),
    (timer) => Effect.sync(() => clearInterval(timer))
  )

const make = Effect.fnUntraced(function* (scheduler: WatchedScheduler, holds: ReturnType<typeof makeHolds>) {
  const run = Effect.runForkWith(yield* Effect.context<never>())
  const warned = new Map<string, number>()
  let longestOfMinute = 0

  const report = Effect.fnUntraced(function* ({ by, milliseconds, work }: Hold) {
    const rounded = Math.round(milliseconds)
    longestOfMinute = Math.max(longestOfMinute, rounded)
    yield* Metric.update(Metric.withAttributes(held, { by }), rounded)
    yield* Metric.update(longestHeld, longestOfMinute)
    if (work === undefined || performance.now() - (warned.get(work) ?? -Infinity) < quiet) return
    warned.set(work, performance.now())
    yield* Effect.logWarning("The event loop was held", { milliseconds: rounded, work })
  })

  const look = Effect.gen(function* () {
    yield* Metric.update(longestHeld, longestOfMinute)
    longestOfMinute = 0
  })

  const weigh = Effect.suspend(() => Metric.update(residentMemory, process.memoryUsage.rss()))

  yield* watch(scheduler, (hold) => {
    holds.add(hold.milliseconds)
    run(report(hold))
  })
  yield* look.pipe(Effect.andThen(Effect.sleep("1 minute")), Effect.forever, Effect.forkScoped)
  yield* weigh.pipe(Effect.andThen(Effect.sleep("5 seconds")), Effect.forever, Effect.forkScoped)
})

/** Watches as long as it is there, and gives everything above it the scheduler that knows whose turn it was. */
export const layer: Layer.Layer<never> = Layer.unwrap(Effect.sync(() => {
  const scheduler = new WatchedScheduler()
  const holds = makeHolds(() => performance.now())
  return Layer.effectDiscard(make(scheduler, holds)).pipe(
    Layer.provideMerge(Layer.succeed(Scheduler.Scheduler, scheduler)),
    Layer.merge(Layer.succeed(LoopHeld, holds.held))
  )
}))
