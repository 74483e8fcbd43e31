/** Turns a function of many into a function of one: whatever waits is answered together. */
import { Cause, Deferred, Effect, Exit, Queue } from "effect"
import { isSqlError } from "effect/sql/SqlError"

interface Waiting<A, B> {
  readonly item: A
  readonly reply: Deferred.Deferred<B>
}

/** An outage hits every scan alike; anything else may be the fault of one. */
const isOutage = (cause: Cause.Cause<never>): boolean =>
  cause.reasons.some((reason) =>
    Cause.isDieReason(reason) && isSqlError(reason.defect) && reason.defect.isRetryable
  )

/**
 * Answers items in batches of at most `limit`, one batch at a time, until the scope closes. A defect of a
 * batch is traced to its item by answering each alone; that item's caller gets the defect, the others do not.
 */
export const make = Effect.fnUntraced(function* <A, B>(options: {
  readonly limit: number
  readonly answer: (items: ReadonlyArray<A>) => Effect.Effect<ReadonlyArray<B>>
}) {
  const queue = yield* Queue.unbounded<Waiting<A, B>>()

  const answer = (batch: ReadonlyArray<Waiting<A, B>>): Effect.Effect<void> =>
    Effect.exit(Effect.suspend(() => options.answer(batch.map(({ item }) => item)))).pipe(
      Effect.flatMap(Exit.match({
        onSuccess: (answers) =>
          Effect.forEach(batch, ({ reply }, at) => Deferred.succeed(reply, answers[at]!), { discard: true }),
        onFailure: (cause) =>
          batch.length === 1 || isOutage(cause)
            ? Effect.forEach(batch, ({ reply }) => Deferred.failCause(reply, cause), { discard: true })
            : Effect.forEach(batch, (one) => answer([one]), { discard: true })
      }))
    )

  yield* Queue.takeBetween(queue, 1, options.limit).pipe(
    Effect.flatMap(answer),
    Effect.forever,
    Effect.forkScoped
  )

  return (item: A): Effect.Effect<B> =>
    Effect.gen(function* () {
      const reply = yield* Deferred.make<B>()
      yield* Queue.offer(queue, { item, reply })
      return yield* Deferred.await(reply)
    })
})
