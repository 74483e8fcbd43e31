/**
 * Metrics as Prometheus reads them (text format 0.0.4), under the names that OpenTelemetry's specification gives them
 * there ("Prometheus and OpenMetrics Compatibility"): dots are underscores, the unit is the end of the name, counters end in
 * `_total`, and milliseconds are seconds. Every family has a help text, and its lines stand together.
 */
import { Effect, Metric } from "effect"

/** What the metrics of effect's own cluster say, which have no description. */
const described: Readonly<Record<string, string>> = {
  effect_cluster_entities: "Entities that this process has in memory, by type",
  effect_cluster_entity_mailbox_size: "Messages in memory that wait for their entities, by type",
  effect_cluster_entity_mailbox_size_max: "The longest mailbox in memory, by type",
  effect_cluster_singletons: "Singletons that run in this process",
  effect_cluster_runners: "Runners that are registered",
  effect_cluster_runners_healthy: "Registered runners that answer",
  effect_cluster_shards: "Shards that this process holds",
  effect_cluster_shards_releasing: "Shards that this process is letting go"
}

interface UnitForm {
  readonly suffix: string
  readonly scale: number
}

const seconds = { suffix: "_seconds", scale: 1 }
const thousandths = { suffix: "_seconds", scale: 0.001 }

const units: Readonly<Record<string, UnitForm>> = {
  s: seconds,
  ms: thousandths,
  millisecond: thousandths,
  milliseconds: thousandths,
  By: { suffix: "_bytes", scale: 1 }
}

const plain: UnitForm = { suffix: "", scale: 1 }

type Snapshot = Metric.Metric.Snapshot

const unitOf = ({ attributes }: Snapshot): UnitForm =>
  units[attributes?.["unit"] ?? attributes?.["time_unit"] ?? ""] ?? plain

const words = (text: string): string => text.replaceAll(/[^a-zA-Z0-9_:]+/g, "_")

const isTotal = (snapshot: Snapshot): boolean =>
  snapshot.type === "Frequency" || (snapshot.type === "Counter" && snapshot.state.incremental)

/** The name of a metric's family. */
export const nameOf = (snapshot: Snapshot): string => {
  const name = words(snapshot.id)
  const { suffix } = unitOf(snapshot)
  const whole = name.endsWith(suffix) ? name : `${name}${suffix}`
  return isTotal(snapshot) && !whole.endsWith("_total") ? `${whole}_total` : whole
}

const quoted = (value: string): string =>
  value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")

const labels = (attributes: Metric.Metric.AttributeSet | undefined, more: Record<string, string> = {}) => {
  const pairs = Object.entries({ ...attributes, ...more }).flatMap(([key, value]) =>
    key === "unit" || key === "time_unit" ? [] : [`${words(key).replaceAll(":", "_")}="${quoted(value)}"`]
  )
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`
}

const number = (value: number | bigint, { scale }: UnitForm): string => {
  if (typeof value === "bigint") return value.toString()
  if (value === Infinity) return "+Inf"
  if (value === -Infinity) return "-Inf"
  // A product by a thousandth has more digits than it means.
  return scale === 1 ? String(value) : String(Number((value * scale).toPrecision(12)))
}

const histogram = (name: string, snapshot: Snapshot & { readonly type: "Histogram" }): Array<string> => {
  const unit = unitOf(snapshot)
  const { buckets, count, sum } = snapshot.state
  const bucket = (le: string, value: number) =>
    `${name}_bucket${labels(snapshot.attributes, { le })} ${value}`
  return [
    ...buckets.filter(([bound]) => bound !== Infinity).map(([bound, value]) =>
      bucket(number(bound, unit), value)
    ),
    bucket("+Inf", count),
    `${name}_sum${labels(snapshot.attributes)} ${number(sum, unit)}`,
    `${name}_count${labels(snapshot.attributes)} ${count}`
  ]
}

const lines = (name: string, snapshot: Snapshot): Array<string> => {
  const one = (value: number | bigint, more: Record<string, string> = {}) =>
    `${name}${labels(snapshot.attributes, more)} ${number(value, unitOf(snapshot))}`
  switch (snapshot.type) {
    case "Counter":
      return [one(snapshot.state.count)]
    case "Gauge":
      return [one(snapshot.state.value)]
    case "Frequency":
      return [...snapshot.state.occurrences].map(([key, count]) => one(count, { key }))
    case "Histogram":
      return histogram(name, snapshot)
    case "Summary":
      return [
        ...snapshot.state.quantiles.flatMap(([quantile, value]) =>
          value === undefined ? [] : [one(value, { quantile: String(quantile) })]
        ),
        `${name}_sum${labels(snapshot.attributes)} ${number(snapshot.state.sum, unitOf(snapshot))}`,
        `${name}_count${labels(snapshot.attributes)} ${snapshot.state.count}`
      ]
  }
}

const kindOf = (snapshot: Snapshot): string =>
  isTotal(snapshot)
    ? "counter"
    : snapshot.type === "Histogram"
    ? "histogram"
    : snapshot.type === "Summary"
    ? "summary"
    : "gauge"

const family = (name: string, snapshots: ReadonlyArray<Snapshot>): Array<string> => {
  const [first] = snapshots
  if (first === undefined) return []
  const help = first.description ?? described[first.id] ?? first.id
  return [
    `# HELP ${name} ${help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}`,
    `# TYPE ${name} ${kindOf(first)}`,
    ...snapshots.flatMap((snapshot) => lines(name, snapshot))
  ]
}

/** All metrics of this process, as text. */
export const text: Effect.Effect<string> = Effect.map(Metric.snapshot, (snapshots) => {
  const families = Map.groupBy(snapshots, nameOf)
  return [...families].flatMap(([name, members]) => family(name, members)).concat("").join("\n")
})
