/** Turns a function of many into a function of few: whatever waits is answered together. */
import { Effect, Exit, Fiber, type Scope, type Tracer } from "effect"

/** What becomes of a group: its answers in its order, or what failed its batch. */
export type Reply<B, E> = (exit: Exit.Exit<ReadonlyArray<B>, E>) => void

interface Waiting<A, B, E> {
  readonly items: ReadonlyArray<A>
  readonly reply: Reply<B, E>
  readonly span: Tracer.AnySpan | undefined
  /** The batch that it is in, once that is being answered. */
  run: Run | undefined
}

/** A batch that is being answered: how many groups wait for it, and how it is ended when none does. */
interface Run {
  awaited: number
  end: () => void
}

/**
 * `put` is `submit` for callers without a fiber, and answers how to leave: who leaves, or is interrupted, gets no reply,
 * and what nobody waits for is not begun, or is interrupted.
 */
export interface Line<A, B, E> {
  readonly submit: (items: ReadonlyArray<A>) => Effect.Effect<ReadonlyArray<B>, E>
  readonly put: (items: ReadonlyArray<A>, reply: Reply<B, E>, span?: Tracer.AnySpan) => () => void
  /** Interrupts what is being answered and whatever waits. */
  readonly close: Effect.Effect<void>
}

/** How groups are answered: in their order, in batches of about `limit`, `atOnce` of them under way. */
export interface Options<A, B, E> {
  readonly name: string
  readonly limit: number
  readonly atOnce: number
  readonly answer: (items: ReadonlyArray<A>) => Effect.Effect<ReadonlyArray<B>, E>
}

/** Takes the longest run of groups that has at most `limit` items together; at least one group. */
const takeRun = <A, B, E>(line: Array<Waiting<A, B, E>>, limit: number): ReadonlyArray<Waiting<A, B, E>> => {
  let groups = 0
  for (let items = 0; groups < line.length; groups++) {
    items += line[groups]!.items.length
    if (items > limit && groups > 0) break
  }
  return line.splice(0, groups)
}

const replyTo = <A, B, E>(
  run: ReadonlyArray<Waiting<A, B, E>>,
  exit: Exit.Exit<ReadonlyArray<B>, E>
): void => {
  let from = 0
  for (const { items, reply } of run) {
    const at = from
    from += items.length
    reply(Exit.map(exit, (answers) => answers.slice(at, from)))
  }
}

/** A batch belongs to the trace of its first group that has one, and is linked to the others; to a sampled trace if one is. */
const traced = <A, E>(
  name: string,
  spans: ReadonlyArray<Tracer.AnySpan>,
  batch: Effect.Effect<A, E>
): Effect.Effect<A, E> => {
  const sampledSpans = spans.filter(({ sampled }) => sampled)
  const [parent, ...others] = sampledSpans.length > 0 ? sampledSpans : spans
  if (parent === undefined) return batch
  const links = others.map((span) => ({ span, attributes: {} }))
  return Effect.withSpan(batch, name, { parent, links })
}

/** Nothing runs while nothing waits; the first batch waits for whoever comes at once. What fails a batch fails every group in it, and no other. */
export const open = <A, B, E>(options: Options<A, B, E>): Effect.Effect<Line<A, B, E>> =>
  Effect.map(Effect.context<never>(), (services) => {
    const line: Array<Waiting<A, B, E>> = []
    const workers = new Set<Fiber.Fiber<void>>()
    let running = 0

    const answerRun = (groups: ReadonlyArray<Waiting<A, B, E>>) =>
      Effect.suspend(() => {
        const run: Run = { awaited: groups.length, end: () => {} }
        for (const group of groups) group.run = run
        const forsaken = Effect.callback<never>((resume) => {
          run.end = () => resume(Effect.interrupt)
        })
        const answer = Effect.suspend(() => options.answer(groups.flatMap(({ items }) => items)))
        return Effect.raceFirst(
          forsaken,
          traced(options.name, groups.flatMap(({ span }) => span ?? []), answer)
        )
      }).pipe(
        Effect.onExit((exit) => Effect.sync(() => replyTo(groups, exit))),
        Effect.exit
      )

    const leave = (one: Waiting<A, B, E>) => {
      const at = one.run === undefined ? line.indexOf(one) : -1
      if (at >= 0) line.splice(at, 1)
      if (one.run !== undefined && --one.run.awaited === 0) one.run.end()
    }

    const drain = Effect.andThen(
      Effect.yieldNow,
      Effect.whileLoop({
        while: () => line.length > 0,
        body: () => answerRun(takeRun(line, options.limit)),
        step: () => {}
      })
    ).pipe(Effect.ensuring(Effect.sync(() => running -= 1)))

    const put: Line<A, B, E>["put"] = (items, reply, span) => {
      let isGone = false
      const one: Waiting<A, B, E> = {
        items,
        reply: (exit) => {
          if (!isGone) reply(exit)
          isGone = true
        },
        span,
        run: undefined
      }
      line.push(one)
      if (running < options.atOnce) {
        running += 1
        const worker = Effect.runForkWith(services)(drain)
        workers.add(worker)
        worker.addObserver(() => workers.delete(worker))
      }
      return () => {
        if (isGone) return
        isGone = true
        leave(one)
      }
    }

    const submit: Line<A, B, E>["submit"] = (items) =>
      Effect.withFiber((caller) =>
        Effect.callback((resume) => Effect.sync(put(items, resume, caller.cache.span)))
      )

    const close = Effect.andThen(
      Effect.suspend(() => Fiber.interruptAll(workers)),
      Effect.sync(() => replyTo(line.splice(0), Exit.interrupt()))
    )

    return { submit, put, close }
  })

/** The same, closed with its scope. */
export const make = <A, B, E>(options: Options<A, B, E>): Effect.Effect<Line<A, B, E>, never, Scope.Scope> =>
  Effect.acquireRelease(open(options), ({ close }) => close)
