/** Keeps a map or set of keys that others choose from growing for ever. */

/** A `Map` or a `Set` in the order of use. */
interface Keys<K> {
  readonly size: number
  readonly keys: () => IterableIterator<K>
  readonly delete: (key: K) => boolean
}

/**
 * Forgets the oldest tenth once there are more than `most`. Not one at a time: the first key behind many that were
 * deleted costs a walk over all of them.
 */
export const makeRoom = <K>(keys: Keys<K>, most: number): void => {
  if (keys.size <= most) return
  for (const oldest of keys.keys()) {
    if (keys.size <= most * 0.9) return
    keys.delete(oldest)
  }
}
