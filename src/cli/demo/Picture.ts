/** The progress drawn: a line each with mark, time, bar and note, never wider than the terminal. */
import { type Line, lineNames, type LineState, type Progress } from "./Progress.ts"

/** How to draw: `tick` turns the spinner, `now` is the time of running lines. */
export interface Frame {
  readonly columns: number
  readonly colour: boolean
  readonly now: number
  readonly tick: number
}

const spinner = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"]

const marks: Readonly<Record<Exclude<LineState, "running">, string>> = {
  waiting: "·",
  done: "✓",
  failed: "✗",
  skipped: "–"
}

const colours: Readonly<Record<LineState, number>> = {
  waiting: 2,
  running: 36,
  done: 32,
  failed: 31,
  skipped: 2
}

/** Milliseconds for people: `412 ms`, `1.24 s`. */
export const duration = (millis: number): string =>
  millis < 1_000 ? `${Math.round(millis)} ms` : `${(millis / 1_000).toFixed(2)} s`

const took = (line: Line, now: number): string =>
  line.from === null ? "" : duration(Math.max(0, (line.to ?? now) - line.from))

/** Filled by what is counted; a running line without a count has a block that travels. */
const bar = (line: Line, width: number, tick: number): string => {
  if (line.state === "skipped") return "─".repeat(width)
  if (line.state === "done") return "█".repeat(width)
  if (line.state === "running" && line.count === null) {
    const at = Math.floor(tick / 2) % width
    return Array.from({ length: width }, (_, cell) => (cell - at + width) % width < 3 ? "█" : "░").join("")
  }
  const filled = line.count === null ? 0 : Math.floor(width * line.count.done / Math.max(1, line.count.of))
  return "█".repeat(filled) + "░".repeat(width - filled)
}

const paint = (text: string, code: number, colour: boolean): string =>
  colour && text !== "" ? `\x1b[${code}m${text}\x1b[0m` : text

const draw = (line: Line, { colour, columns, now, tick }: Frame): string => {
  const mark = line.state === "running" ? spinner[tick % spinner.length]! : marks[line.state]
  const width = columns >= 90 ? 24 : 12
  const name = line.name.startsWith("ticket ") ? `  ${line.name}` : line.name
  const head = ` ${name.padEnd(14)}${took(line, now).padStart(8)}  `
  const left = columns - 3 - head.length - width - 3
  const dim = line.state === "waiting" || line.state === "skipped"
  return [
    "  ",
    paint(mark, colours[line.state], colour),
    dim ? paint(head, 2, colour) : head,
    paint(bar(line, width, tick), colours[line.state], colour),
    left > 0 && line.note !== "" ? paint(`  ${[...line.note].slice(0, left).join("")}`, 2, colour) : ""
  ].join("")
}

/** The lines that an empty one goes before: the eight steps stand apart. */
const groups: ReadonlySet<string> = new Set(["validation", "files"])

/** The lines of a picture before any ticket has its own. */
export const height = lineNames.length + groups.size

/** The whole picture, a string a line. */
export const lines = (progress: Progress, frame: Frame): ReadonlyArray<string> =>
  progress.flatMap((line) => groups.has(line.name) ? ["", draw(line, frame)] : [draw(line, frame)])
