/**
 * Listeners of the runtime, from which nothing thrown leaves: an exception in one would end the process. The one file
 * that attaches them.
 */

/** What emits events, whichever class of the runtime it is. */
export interface Emitter {
  on(event: string, listener: (...values: ReadonlyArray<never>) => void): unknown
}

/** Runs the body; what it throws goes to `failed`, and nothing is returned. */
export const guarded = <A>(body: () => A, failed: (fault: unknown) => void): A | undefined => {
  try {
    return body()
  } catch (fault) {
    failed(fault)
    return undefined
  }
}

/** Listens to an event of the emitter; `failed` must not throw. */
export const listen = <Values extends ReadonlyArray<unknown>>(
  emitter: Emitter,
  event: string,
  body: (...values: Values) => void,
  failed: (fault: unknown) => void
): void => {
  emitter.on(event, (...values: ReadonlyArray<unknown>) => guarded(() => body(...values as Values), failed))
}
