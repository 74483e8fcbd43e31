/** How far the demonstration is, line by line, and how news changes that. */
import { DateTime, type Schema } from "effect"
import { steps } from "../../../rpc/CompleteFlow.ts"
import type { FlowEvent } from "./FlowEvent.ts"

/** What happens before the eight steps and after them. */
export const lineNames = ["start", ...steps, "files", "gate A", "gate B"] as const
export type LineName = typeof lineNames[number] | `ticket ${number}`

/** More tickets than this have the bar of their step alone. */
const listed = 8

export type LineState = "waiting" | "running" | "done" | "failed" | "skipped"

/** One line: times in epoch milliseconds; `count` where something is counted. */
export interface Line {
  readonly name: LineName
  readonly state: LineState
  readonly from: number | null
  readonly to: number | null
  readonly count: { readonly done: number; readonly of: number } | null
  readonly note: string
}

export type Progress = ReadonlyArray<Line>

/** What changes one line. */
export interface News {
  readonly line: LineName
  readonly at: number
  readonly state?: LineState
  readonly count?: { readonly done: number; readonly of: number }
  readonly note?: string
}

const changed = (line: Line, { at, count, note, state }: News): Line => {
  const now = state ?? line.state
  return {
    ...line,
    state: now,
    from: line.from ?? at,
    to: now === "running" || now === "waiting" ? null : line.to ?? at,
    count: count ?? line.count,
    note: note ?? line.note
  }
}

const fresh = (name: LineName): Line => ({
  name,
  state: "waiting",
  from: null,
  to: null,
  count: null,
  note: ""
})

export const begun: Progress = lineNames.map(fresh)

/** A ticket's line appears with its first news, below its step, and its time counts from the step's beginning. */
const withLine = (progress: Progress, name: LineName): Progress => {
  if (progress.some((line) => line.name === name)) return progress
  const at = progress.findLastIndex((line) => line.name === "tickets" || line.name.startsWith("ticket "))
  const from = progress.find((line) => line.name === "tickets")?.from ?? null
  return [...progress.slice(0, at + 1), { ...fresh(name), from }, ...progress.slice(at + 1)]
}

/** The progress after the news. */
export const after = (progress: Progress, news: News): Progress =>
  withLine(progress, news.line).map((line) => line.name === news.line ? changed(line, news) : line)

/** What is still running when the picture ends was broken off. */
export const brokenOff = (progress: Progress, at: number): Progress =>
  progress.map((line) =>
    line.state === "running" ? changed(line, { line: line.name, at, state: "failed" }) : line
  )

const states = {
  pending: "waiting",
  running: "running",
  completed: "done",
  failed: "failed",
  skipped: "skipped",
  compensated: "failed"
} as const

/** A step's result in a few words, whatever the step: counts that are not zero, and states. */
const words = (result: Schema.Json | undefined): string =>
  typeof result !== "object" || result === null ? "" : Object.entries(result).flatMap(([name, value]) => {
    if (name.endsWith("_id")) return []
    if (typeof value === "number") return value === 0 ? [] : [`${value} ${name}`]
    return typeof value === "string" ? [value] : []
  }).join(", ")

/** An event of the flow as news; the end of the feed is none. */
export const newsOf = (event: FlowEvent): ReadonlyArray<News> => {
  const at = DateTime.toEpochMillis(event.data.at)
  switch (event.event) {
    case "step": {
      const { error, result, status, step } = event.data
      const note = error?.code ?? words(result)
      return [{ line: step, at, state: states[status], ...(note !== "" && { note }) }]
    }
    case "tickets": {
      const { failed, generated, ticket_ids: ids, total } = event.data
      const note = `${generated} of ${total} tickets${failed > 0 ? `, ${failed} failed` : ""}`
      const each = total > listed ? [] : ids.map((id): News => ({ line: `ticket ${id}`, at, state: "done" }))
      return [{ line: "tickets", at, count: { done: generated + failed, of: total }, note }, ...each]
    }
    case "messages": {
      const { failed, guests, of, sent } = event.data
      const note = `${sent} sent to ${guests} of ${of}${failed > 0 ? `, ${failed} failed` : ""}`
      return [{ line: "notifications", at, count: { done: guests, of }, note }]
    }
    case "closed":
      return []
  }
}
