/**
 * Generated histories of workflows, whoever keeps their steps: Effect's engine alone, and the journal on both databases.
 * Flows of all that a workflow can do are told things before, while and after they wait, fail, are interrupted, and lose
 * their runner in between; each ends as its script says. With the journal no activity runs whose row is there, and one of a
 * flow that nothing disturbs runs once. Guards whose removal turns this file red: the read of an activation, the row before
 * the result, the steps in memory.
 */
import { assert, describe, layer } from "@effect/vitest"
import { Cause, Effect, Exit, Option, Schedule } from "effect"
import { DurableDeferred } from "effect/workflow"
import { clusters } from "../mailbox/MailboxSubjects.ts"
import { journalRunner, oneRunner } from "../mailbox/OneRunner.ts"
import { type History, history, random } from "./Histories.ts"
import { flatten, givenBy, type Op, runsOf, Scripted, ScriptedLayer, told } from "./ScriptFlow.ts"

const seed = 20_250_620

const flows = 16

const payloadOf = ({ end, id, script }: History) => ({ id, of: id, script: JSON.stringify(script), end })

const tell = ({ id, name }: History["tells"][number]) =>
  Effect.gen(function* () {
    const executionId = yield* Scripted.executionId({ id, of: "", script: "", end: "" })
    const token = DurableDeferred.tokenFromExecutionId(told(name), { workflow: Scripted, executionId })
    yield* DurableDeferred.succeed(told(name), { token, value: `heard ${name}` })
  })

const tellAll = (histories: ReadonlyArray<History>, life: number) =>
  Effect.forEach(
    histories.flatMap(({ tells }) => tells.filter((one) => one.life === life)),
    tell,
    { concurrency: 4, discard: true }
  )

const begin = (histories: ReadonlyArray<History>) =>
  Effect.forEach(histories, (one) => Scripted.execute(payloadOf(one), { discard: true }), {
    concurrency: 8,
    discard: true
  })

const hasStep = ({ do: what }: Op): boolean =>
  what === "step" || what === "undo" || what === "fail" || what === "die" || what === "inside" ||
  what === "retry"

/** The attempts of activities that a history takes, its children's among them. */
const attemptsOf = ({ id, script }: History): ReadonlyArray<string> =>
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
const endOf = (one: History) =>
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

/** Nothing runs again by itself: no branches that wake each other, and no activity that waits. */
const isCalm = ({ id, script }: History): boolean =>
  !flatten(id, script).some(({ op }) => op.do === "both" || op.do === "inside")

for (const [at, subject] of clusters.entries()) {
  const cluster = () =>
    subject.isJournaled
      ? journalRunner(ScriptedLayer, "100 millis")
      : oneRunner(ScriptedLayer, subject.storage, "100 millis")

  const generated = (name: string, lives: number) => {
    const next = random(seed + lives)
    return Array.from({ length: flows }, (_, nth) => history(`${name} ${at} ${nth}`, lives, next))
  }

  describe.skipIf(subject.isSkipped)(`histories of workflows over ${subject.name}`, () => {
    layer(subject.database, { excludeTestServices: true })((it) => {
      it.effect("end as they say while their runner lives, each attempt once", () =>
        Effect.gen(function* () {
          const histories = generated("calm", 1)
          yield* tellAll(histories, 0)
          yield* begin(histories)
          yield* tellAll(histories, 1)
          yield* Effect.forEach(histories, endOf, { concurrency: "unbounded", discard: true })
          for (const one of histories.filter(isCalm)) {
            assert.sameMembers([...runsOf(one.id).steps], [...attemptsOf(one)], JSON.stringify(one))
          }
        }).pipe(Effect.provide(cluster())))

      it.effect("end as they say when their runner is another one again and again", () =>
        Effect.gen(function* () {
          const lives = 4
          const histories = generated("mortal", lives)
          for (let life = 0; life < lives; life++) {
            yield* Effect.andThen(begin(histories), tellAll(histories, life)).pipe(Effect.provide(cluster()))
          }
          yield* Effect.gen(function* () {
            yield* tellAll(histories, lives)
            yield* Effect.forEach(histories, endOf, { concurrency: "unbounded", discard: true })
          }).pipe(Effect.provide(cluster()))
        }))
    })
  })
}
