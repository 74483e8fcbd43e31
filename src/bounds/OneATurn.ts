/**
 * Lets work begin one piece at a time: between two of them the event loop has a turn, in which what must not wait (a scan)
 * is read and answered. However many ask at once, whoever is not in this line waits for one of them and not for all.
 *
 * Callers take turns in it. While a gate is in use here, what is not of the gate leaves the loop free between two pieces:
 * the next one begins when a timer came on time, which shows that nothing waits, or at the latest after a while. A scan
 * passes through the loop some ten times on its way, so that many pieces under way at once would hold it ten times. Who
 * sends little but what is refused leaves the loop free for longer, and is not believed to be a gate. Whatever the gate
 * asks, one piece of the others begins in each such while, so that nobody who looks like a gate keeps them out.
 */
import { FairLine } from "./FairLine.ts"
import { guarded } from "./Listener.ts"
import { Refusals } from "./Refusals.ts"

/** Time and the event loop, as they are or as a test plays them; times are in milliseconds. */
export interface Loop {
  readonly now: () => number
  /** In the next turn. */
  readonly soon: (run: () => void) => void
  readonly later: (run: () => void, millis: number) => void
}

const realLoop: Loop = {
  now: () => performance.now(),
  soon: (run) => void setImmediate(run),
  later: (run, millis) => void setTimeout(run, millis)
}

/** Whose work it is, and whether it is of a gate. */
export interface Whose {
  readonly caller: string
  readonly isGate: boolean
}

interface Waiting {
  readonly begin: () => void
  readonly failed: (fault: unknown) => void
}

/** A gate is in use for so long after a scan. */
const inUse = 1_000

/** The loop is left free for so long after a piece, of a caller who is refused often for longer. */
const free = { usual: 2, refused: 8 }

/** A timer that comes later than this shows that the loop is busy; after the longest time the next piece begins anyway. */
const [punctual, longest] = [2, 25]

/** A caller, and all together, have no more than this waiting. */
const most = { each: 256, all: 4_096 }

/** The line of a process. */
export class Turns {
  readonly #loop: Loop
  readonly #gate = new FairLine<Waiting>()
  readonly #others = new FairLine<Waiting>()
  readonly #refusals: Refusals
  #isTurning = false
  #isFree = true
  #scannedAt = -Infinity
  /** Since when none of the others has begun although some wait. */
  #othersWaitSince = 0

  constructor(loop: Loop = realLoop) {
    this.#loop = loop
    this.#refusals = new Refusals(loop.now)
  }

  /** Begins the work in its turn; `failed` is given what it throws. False, and it never begins, when too many wait. */
  enter(begin: Waiting["begin"], failed: Waiting["failed"], { caller, isGate }: Whose): boolean {
    const line = isGate && !this.#refusals.areMany(caller) ? this.#gate : this.#others
    if (line.sizeOf(caller) >= most.each || line.size >= most.all) return false
    if (line === this.#others && line.size === 0) this.#othersWaitSince = this.#loop.now()
    line.put(caller, { begin, failed })
    this.#goOn()
    return true
  }

  /** A scan of somebody who may scan has come. */
  scanned(): void {
    this.#scannedAt = this.#loop.now()
  }

  /** A request of the caller was refused. */
  refused(caller: string): void {
    this.#refusals.add(caller)
  }

  #goOn(): void {
    if (this.#isTurning || this.#gate.size + this.#others.size === 0) return
    this.#isTurning = true
    this.#loop.soon(this.#turn)
  }

  readonly #turn = (): void => {
    const areLate = this.#others.size > 0 && this.#loop.now() - this.#othersWaitSince >= longest
    const gate = areLate ? undefined : this.#gate.next()
    const next = gate ?? (this.#isFree || areLate ? this.#others.next() : undefined)
    if (next === undefined) {
      this.#isTurning = false
      return
    }
    this.#loop.soon(this.#turn)
    guarded(next.one.begin, next.one.failed)
    if (gate !== undefined) return
    const now = this.#loop.now()
    this.#othersWaitSince = now
    if (this.#isFree && now - this.#scannedAt < inUse) this.#leaveFree(next.caller)
  }

  #leaveFree(caller: string): void {
    this.#isFree = false
    const millis = this.#refusals.areMany(caller) ? free.refused : free.usual
    const began = this.#loop.now()
    const wait = (): void => {
      const since = this.#loop.now()
      this.#loop.later(() => {
        const now = this.#loop.now()
        if (now - since > millis + punctual && now - began < longest) return wait()
        this.#isFree = true
        this.#goOn()
      }, millis)
    }
    wait()
  }
}

/** The line of this process, for the servers of all its parts together. */
export const turns = new Turns()

/** Begins work of nobody in particular in its turn; `failed` is given what it throws, or that too much waits. */
export const inTurn = (begin: () => void, failed: (fault: unknown) => void): void => {
  if (!turns.enter(begin, failed, { caller: "", isGate: false })) failed(new Error("Too much waits in line"))
}
