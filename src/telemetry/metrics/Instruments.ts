/**
 * What is measured, by effect's `Metric`: counters, gauges and histograms whose labels are values of a bounded list. A
 * family keeps at most `most` sets of values; whatever comes beyond them is counted together, under
 * `otel.metric.overflow`, as OpenTelemetry's SDKs do ("Cardinality limits"), so that no input makes a process grow.
 *
 * No label is a person, an id or a text from outside: routes are templates, statements are groups, errors are tags.
 * Updates cost about a microsecond and ask no fiber: servers and listeners of the runtime measure too.
 */
import { Context, Metric } from "effect"

/** Units of UCUM that are in use; `{…}` is a count of what it names. */
export type Unit = "s" | "ms" | "By" | "1" | `{${string}}`

export interface FamilyOptions<Label extends string> {
  readonly description: string
  readonly unit: Unit
  readonly labels: ReadonlyArray<Label>
  /** The most sets of values, 200 unless it is said. */
  readonly most?: number
}

/** A name with its labels; an empty value leaves its label out. */
export interface Family<Label extends string> {
  readonly name: string
  readonly labels: ReadonlyArray<Label>
  readonly update: (value: number, ...values: ReadonlyArray<string>) => void
}

/** Every label that any family has: what dashboards and alerts may ask for. */
export const declared = new Set<string>()

const nowhere = Context.empty()

const overflow = { "otel.metric.overflow": "true" }

const familyOf = <Label extends string>(
  name: string,
  { labels, most = 200, unit }: FamilyOptions<Label>,
  metric: Metric.Metric<number, unknown>
): Family<Label> => {
  labels.forEach((label) => declared.add(label))
  const series = new Map<string, Metric.Metric<number, unknown>>()
  const withUnit = Metric.withAttributes(metric, { unit })
  const other = Metric.withAttributes(withUnit, overflow)
  const make = (values: ReadonlyArray<string>) =>
    Metric.withAttributes(
      withUnit,
      Object.fromEntries(labels.flatMap((label, at) => values[at] ? [[label, values[at]]] : []))
    )
  const find = (values: ReadonlyArray<string>) => {
    const key = values.length === 1 ? values[0]! : values.join("\u0000")
    const known = series.get(key)
    if (known !== undefined) return known
    if (series.size >= most) return other
    const made = make(values)
    series.set(key, made)
    return made
  }
  return { name, labels, update: (value, ...values) => find(values).updateUnsafe(value, nowhere) }
}

/** Adds up; never falls. */
export const counter = <Label extends string>(name: string, options: FamilyOptions<Label>): Family<Label> =>
  familyOf(name, options, Metric.counter(name, { description: options.description, incremental: true }))

/** Is what it was set to last. */
export const gauge = <Label extends string>(name: string, options: FamilyOptions<Label>): Family<Label> =>
  familyOf(name, options, Metric.gauge(name, { description: options.description }))

/** OpenTelemetry's boundaries of durations in seconds ("HTTP metrics"), and two for what waits. */
const durations = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 30, 60]

/** Durations in seconds. */
export const duration = <Label extends string>(
  name: string,
  options: Omit<FamilyOptions<Label>, "unit"> & { readonly boundaries?: ReadonlyArray<number> }
): Family<Label> =>
  familyOf(
    name,
    { ...options, unit: "s" },
    Metric.histogram(name, {
      description: options.description,
      boundaries: options.boundaries ?? durations
    })
  )
