/** Random scripts of workflows, and when each of them is told what it waits for. */
import { type End, flatten, type Op, type Script } from "./ScriptFlow.ts"

/** Numbers from 0 to 1, the same for the same seed. */
export const random = (seed: number) => () =>
  (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648) / 2_147_483_648

export interface History {
  readonly id: string
  readonly script: Script
  readonly end: End
  /** What somebody must tell, to which flow, and in which life of the runner; in life 0 before anything begins. */
  readonly tells: ReadonlyArray<{ readonly id: string; readonly name: string; readonly life: number }>
}

const simple = ["step", "step", "fail", "die", "wait", "wait", "sleep", "nap", "undo", "inside"] as const

/** A flow that goes through `lives` of its runner. */
export const history = (id: string, lives: number, next: () => number): History => {
  const pick = <A>(values: ReadonlyArray<A>): A => values[Math.floor(next() * values.length)]!
  let names = 0

  const opOf = (depth: number): Op => {
    const name = `n${++names}`
    const kind = next()
    if (depth > 0 && kind < 0.15) {
      return { do: "both", name, left: scriptOf(depth - 1), right: scriptOf(depth - 1) }
    }
    if (depth > 0 && kind < 0.25) return { do: pick(["into", "child"]), name, ops: scriptOf(depth - 1) }
    if (kind < 0.35) return { do: "retry", name, times: 1 + Math.floor(next() * 3) }
    return { do: pick(simple), name }
  }

  const scriptOf = (depth: number): Script =>
    Array.from({ length: 1 + Math.floor(next() * (depth === 0 ? 2 : 5)) }, () => opOf(depth))

  const script = scriptOf(2)
  const tells = flatten(id, script).flatMap(({ id, op }) =>
    op.do === "wait" || op.do === "inside"
      ? [{ id, name: op.name, life: Math.floor(next() * (lives + 1)) }]
      : []
  )
  return { id, script, tells, end: pick<End>(["gives", "gives", "gives", "fails", "waits"]) }
}
