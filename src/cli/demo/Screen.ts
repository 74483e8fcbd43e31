/** Where the progress is shown: a live picture on a terminal, one plain line a piece of news elsewhere. */
import { Clock, Console, Context, Effect, Layer, Ref, Schedule, Terminal } from "effect"
import { TerminalCapabilities } from "effect/cli"
import * as Picture from "./Picture.ts"
import * as Progress from "./Progress.ts"

const hideCursor = "\x1b[?25l\x1b[?7l"
const showCursor = "\x1b[?25h\x1b[?7h"
const beginFrame = "\x1b[?2026h"
const endFrame = "\x1b[?2026l"

/** Draws over the frame before: each line is written, then what is left of the old one erased. */
const overdraw = (lines: ReadonlyArray<string>, height: number): string =>
  [
    beginFrame,
    height > 0 ? `\x1b[${height}A\r` : "",
    ...lines.map((line) => `${line}\x1b[K\n`),
    "\x1b[J",
    endFrame
  ].join("")

const makeLive = Effect.gen(function* () {
  const terminal = yield* Terminal.Terminal
  const { canColor: colour } = yield* TerminalCapabilities.TerminalCapabilities
  const progress = yield* Ref.make(Progress.begun)
  const drawn = yield* Ref.make({ height: 0, tick: 0 })
  const show = (text: string) => Effect.orDie(terminal.display(text))

  const draw = Effect.gen(function* () {
    const { height, tick } = yield* Ref.get(drawn)
    const frame = {
      columns: (yield* terminal.columns) || 80,
      colour,
      now: yield* Clock.currentTimeMillis,
      tick
    }
    const lines = Picture.lines(yield* Ref.get(progress), frame)
    yield* show(overdraw(lines, height))
    yield* Ref.set(drawn, { height: lines.length, tick: tick + 1 })
  })

  const conclude = Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    yield* Ref.update(progress, (lines) => Progress.brokenOff(lines, now))
    yield* draw
    yield* show(showCursor)
  })

  yield* Effect.acquireRelease(show(hideCursor), () => conclude)
  yield* Effect.forkScoped(Effect.repeat(draw, Schedule.spaced("80 millis")))
  return Screen.of({ report: (news) => Ref.update(progress, (lines) => Progress.after(lines, news)) })
})

const verbs = {
  waiting: "waits",
  running: "begun",
  done: "done",
  failed: "failed",
  skipped: "skipped"
} as const

const makePlain = Effect.gen(function* () {
  const from = yield* Clock.currentTimeMillis
  const progress = yield* Ref.make(Progress.begun)
  const report = Effect.fnUntraced(function* (news: Progress.News) {
    const lines = yield* Ref.updateAndGet(progress, (lines) => Progress.after(lines, news))
    const line = lines.find(({ name }) => name === news.line)!
    const took = line.to === null || line.from === null ? "" : ` in ${Picture.duration(line.to - line.from)}`
    const note = news.note === undefined ? "" : `: ${news.note}`
    const verb = news.state === undefined ? "" : ` ${verbs[news.state]}${took}`
    const since = `${((news.at - from) / 1_000).toFixed(3)} s`.padStart(10)
    yield* Console.log(`${since}  ${news.line}${verb}${note}`)
  })
  return Screen.of({ report })
})

/** Takes news of the demonstration. */
export class Screen extends Context.Service<Screen, {
  readonly report: (news: Progress.News) => Effect.Effect<void>
}>()("guichet/cli/demo/Screen") {
  static readonly layerLive: Layer.Layer<Screen, never, Terminal.Terminal> = Layer.effect(Screen, makeLive)

  static readonly layerPlain: Layer.Layer<Screen> = Layer.effect(Screen, makePlain)

  /** The picture where someone watches it; pipes, `TERM=dumb` and a terminal too low for it get lines. */
  static readonly layer: Layer.Layer<Screen, never, Terminal.Terminal> = Layer.unwrap(
    Effect.gen(function* () {
      const { canAnimate } = yield* TerminalCapabilities.TerminalCapabilities
      const rows = yield* (yield* Terminal.Terminal).rows
      return canAnimate && (rows === 0 || rows > Picture.height) ? Screen.layerLive : Screen.layerPlain
    })
  )

  /** Shows work as one line: running, then done with a note, or failed. */
  static readonly line = <A, E, R>(
    line: Progress.LineName,
    work: Effect.Effect<A, E, R>,
    note: (result: A) => string
  ): Effect.Effect<A, E, R | Screen> =>
    Effect.gen(function* () {
      const { report } = yield* Screen
      const news = (change: Omit<Progress.News, "at" | "line">) =>
        Effect.flatMap(Clock.currentTimeMillis, (at) => report({ line, at, ...change }))
      yield* news({ state: "running" })
      const result = yield* Effect.tapError(work, () => news({ state: "failed" }))
      yield* news({ state: "done", note: note(result) })
      return result
    })
}
