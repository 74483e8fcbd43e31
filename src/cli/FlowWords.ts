/** What `guichet flows` prints. */
import { DateTime, Duration } from "effect"
import type { FlowSummary } from "../../rpc/CompleteFlow.ts"
import type { TimelineEntry } from "../../rpc/Steering.ts"

const headings = ["FLOW", "EVENT", "STATUS", "AGE", "ERROR"]

/** The largest unit that counts: 3d, 2h, 10m, 5s. */
export const ageOf = (created: DateTime.Utc, now: DateTime.Utc): string => {
  const seconds = Math.max(0, Math.floor(Duration.toSeconds(DateTime.distance(created, now))))
  if (seconds >= 172_800) return `${Math.floor(seconds / 86_400)}d`
  if (seconds >= 7_200) return `${Math.floor(seconds / 3_600)}h`
  return seconds >= 120 ? `${Math.floor(seconds / 60)}m` : `${seconds}s`
}

/** A line a flow, in columns. */
export const summaryLines = (
  flows: ReadonlyArray<Pick<FlowSummary, "flow_id" | "event_id" | "status" | "created_at" | "error">>,
  now: DateTime.Utc
): ReadonlyArray<string> => {
  const rows = flows.map(({ created_at, error, event_id, flow_id, status }) => [
    flow_id,
    String(event_id),
    status,
    ageOf(created_at, now),
    error?.code ?? ""
  ])
  const lines = [headings, ...rows]
  const widths = headings.map((_, at) => Math.max(...lines.map((line) => line[at]!.length)))
  return lines.map((line) => line.map((cell, at) => cell.padEnd(widths[at]!)).join("  ").trimEnd())
}

/** One line of a timeline. */
export const lineOf = ({ at, detail, source, subject, what }: typeof TimelineEntry.Type): string =>
  [
    DateTime.formatIso(at),
    source.padEnd(8),
    what.padEnd(22),
    subject,
    ...(detail === null ? [] : [JSON.stringify(detail)])
  ].join("  ")
