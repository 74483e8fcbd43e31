/** Long arrays are read and written in turns: decoding thousands of items at one go holds everybody else's requests. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

/** Milliseconds that items may take of one turn of the event loop. */
const share = 5

/** When the first item of this turn was read or written; undefined before it. */
let turnBegan: number | undefined

/** The item as it is while this turn has time left, otherwise in the next turn. */
const inTurn = <A, E, R>(item: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> => {
  const now = performance.now()
  if (turnBegan === undefined) {
    turnBegan = now
    setImmediate(() => {
      turnBegan = undefined
    })
    return item
  }
  return now - turnBegan < share ? item : Effect.andThen(Effect.yieldNow, item)
}

/**
 * An item of a long array. Decode and encode what holds it as an Effect: a synchronous decoder fails where it would have
 * to wait for its next turn.
 */
export const paced = <S extends Schema.Top>(item: S) =>
  item.pipe(
    Schema.middlewareDecoding<S, S["DecodingServices"]>(inTurn),
    Schema.middlewareEncoding(inTurn)
  )
