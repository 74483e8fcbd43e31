/**
 * Lets work begin one piece at a time: between two of them the event loop has a turn, in which what must not wait (a scan)
 * is read and answered. However many ask at once, whoever is not in this line waits for one of them and not for all.
 */
import { guarded } from "./Listener.ts"

interface Waiting {
  readonly begin: () => void
  readonly failed: (fault: unknown) => void
}

const line: Array<Waiting> = []
let isTurning = false

const turn = (): void => {
  const next = line.shift()
  if (next === undefined) {
    isTurning = false
    return
  }
  setImmediate(turn)
  guarded(next.begin, next.failed)
}

/** Begins the work in its turn; `failed` is given what it throws. */
export const inTurn = (begin: () => void, failed: (fault: unknown) => void): void => {
  line.push({ begin, failed })
  if (isTurning) return
  isTurning = true
  setImmediate(turn)
}
