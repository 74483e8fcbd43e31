/** Plays generated histories of workflows on a cluster, and looks at how they end. */
import { assert } from "@effect/vitest"
import { Cause, Effect, Exit, Option, Schedule } from "effect"
import { DurableDeferred } from "effect/workflow"
import { type History, history, random } from "./Histories.ts"
import { flatten, givenBy, type Op, runsOf, Scripted, told } from "./ScriptFlow.ts"

const seed = 20_250_620

/** So many histories that go through so many lives; names of their own keep them apart. */
export const generated = (name: string, lives: number, flows: number): ReadonlyArray<History> => {
  const next = random(seed + lives)
  return Array.from({ length: flows }, (_, nth) => history(`${name} ${nth}`, lives, next))
}

const payloadOf = ({ end, id, script }: History) => ({ id, of: id, script: JSON.stringify(script), end })

const tell = ({ id, name }: History["tells"][number]) =>
  Effect.gen(function* () {
    const executionId = yield* Scripted.executionId({ id, of: "", script: "", end: "" })
    const token = DurableDeferred.tokenFromExecutionId(told(name), { workflow: Scripted, executionId })
    yield* DurableDeferred.succeed(told(name), { token, value: `heard ${name}` })
  })

export const tellAll = (histories: ReadonlyArray<History>, life: number) =>
  Effect.forEach(
    histories.flatMap(({ tells }) => tells.filter((one) => one.life === life)),
    tell,
    { concurrency: 4, discard: true }
  )

export const begin = (histories: ReadonlyArray<History>) =>
  Effect.forEach(histories, (one) => Scripted.execute(payloadOf(one), { discard: true }), {
    concurrency: 8,
    discard: true
  })

const hasStep = ({ do: what }: Op): boolean =>
  what === "step" || what === "undo" || what === "fail" || what === "die" || what === "inside" ||
  what === "retry"

/** The attempts of activities that a history takes, its children's among them. */
export const attemptsOf = ({ id, script }: History): ReadonlyArray<string> =>
  flatten(id, script).flatMap(({ op }) =>
    !hasStep(op)
      ? []
      : Array.from({ length: op.do === "retry" ? op.times : 1 }, (_, at) => `${op.name}/${at + 1}`)
  )

/** Own compensations: a child that gives is not undone. */
const undoable = ({ id, script }: History): ReadonlyArray<string> =>
  flatten(id, script).flatMap((found) => found.id === id && found.op.do === "undo" ? [found.op.name] : [])

const suspended = (one: History) =>
  Effect.gen(function* () {
    const executionId = yield* Scripted.executionId(payloadOf(one))
    const awaited = attemptsOf(one)
    yield* Effect.repeat(Scripted.poll(executionId), {
      until: (result) =>
        Option.isSome(result) && result.value._tag === "Suspended" &&
        awaited.every((attempt) => runsOf(one.id).steps.includes(attempt)),
      schedule: Schedule.spaced("20 millis")
    })
    return executionId
  })

/** The end of a flow that has been told everything. */
export const endOf = (one: History) =>
  Effect.gen(function* () {
    if (one.end === "waits") yield* Scripted.interrupt(yield* suspended(one))
    const exit = yield* Effect.exit(Scripted.execute(payloadOf(one)))
    const shown = JSON.stringify(one)
    const { again, steps, undone } = runsOf(one.id)
    if (one.end === "gives") assert.deepStrictEqual(exit, Exit.succeed(givenBy(one.script)), shown)
    if (one.end === "fails") {
      assert.strictEqual(Exit.isFailure(exit) && Cause.squash(exit.cause), "failed", shown)
    }
    if (one.end === "waits") assert.isTrue(Exit.hasInterrupts(exit), shown)
    assert.sameMembers([...undone], one.end === "gives" ? [] : [...undoable(one)], shown)
    assert.sameMembers([...new Set(steps)], [...attemptsOf(one)], shown)
    assert.deepStrictEqual(again, [], shown)
  })
