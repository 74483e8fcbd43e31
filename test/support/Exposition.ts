/** Prometheus' text format, read strictly, and what `promtool check metrics` would say of it. */
import { spawnSync } from "node:child_process"

export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface Family {
  readonly name: string
  readonly type: string
  readonly help: string
  readonly samples: ReadonlyArray<Sample>
}

const sample = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? ([-+]?(?:Inf|NaN|[0-9.eE+-]+))$/
const label = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/y

const labelsOf = (text: string, line: string): Record<string, string> => {
  const labels: Record<string, string> = {}
  label.lastIndex = 0
  while (label.lastIndex < text.length) {
    const at = label.exec(text)
    if (at === null) throw new Error(`No labels: ${line}`)
    if (at[1]! in labels) throw new Error(`A label twice: ${line}`)
    labels[at[1]!] = at[2]!
  }
  return labels
}

const suffixes: Readonly<Record<string, ReadonlyArray<string>>> = {
  histogram: ["_bucket", "_sum", "_count"],
  summary: ["", "_sum", "_count"]
}

/** The families of a text; throws what is wrong with it. */
export const familiesOf = (text: string): ReadonlyArray<Family> => {
  if (text !== "" && !text.endsWith("\n")) throw new Error("The last line does not end")
  const families = new Map<string, Family & { readonly samples: Array<Sample> }>()
  let current: (Family & { readonly samples: Array<Sample> }) | undefined
  const series = new Set<string>()
  let help: readonly [string, string] | undefined
  for (const line of text.split("\n").slice(0, -1)) {
    const about = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line)
    if (about?.[1] === "HELP") help = [about[2]!, about[3]!]
    else if (about?.[1] === "TYPE") {
      const [, , name = "", type = ""] = about
      if (families.has(name)) throw new Error(`A family twice: ${name}`)
      current = { name, type, help: help?.[0] === name ? help[1] : "", samples: [] }
      families.set(name, current)
    } else {
      const [, name = "", labels = "", value = ""] = sample.exec(line) ?? []
      if (name === "" || current === undefined) throw new Error(`No sample: ${line}`)
      const names = (suffixes[current.type] ?? [""]).map((suffix) => `${current!.name}${suffix}`)
      if (!names.includes(name)) throw new Error(`Not of the family ${current.name}: ${line}`)
      const key = line.slice(0, line.lastIndexOf(" "))
      if (series.has(key)) throw new Error(`A series twice: ${key}`)
      series.add(key)
      current.samples.push({
        name,
        labels: labelsOf(labels, line),
        value: Number(value.replace("Inf", "Infinity"))
      })
    }
  }
  return [...families.values()]
}

const abbreviated = /(?:^|_)(?:s|ms|us|ns|sec|b|kb|mb|gb|tb|m|h|d)(?:_|$)/
const foreignUnits = /(?:milliseconds|microseconds|minutes|hours|days|kilobytes|megabytes|percent)(?:_|$)/

/** What the rules of Prometheus' linter have against a text; empty is well. */
export const complaintsOf = (families: ReadonlyArray<Family>): ReadonlyArray<string> =>
  families.flatMap(({ help, name, samples, type }) => {
    const wrong: Array<readonly [boolean, string]> = [
      [help === "", "has no help text"],
      [type === "counter" && !name.endsWith("_total"), "is a counter that does not end in _total"],
      [type !== "counter" && name.endsWith("_total"), "ends in _total and is no counter"],
      [/[A-Z]/.test(name), "is not written in snake case"],
      [abbreviated.test(name), "has an abbreviated unit"],
      [foreignUnits.test(name), "has a unit that is not a base unit"],
      [name.includes(type) && type !== "", "has its type in its name"],
      [type !== "histogram" && samples.some(({ labels }) => "le" in labels), "has a label le"],
      [
        type !== "histogram" && type !== "summary" && /_(?:count|sum|bucket)$/.test(name),
        "has the suffix of a histogram"
      ],
      [samples.length === 0, "has no sample"]
    ]
    return wrong.flatMap(([is, what]) => is ? [`${name} ${what}`] : [])
  })

/** The same by `promtool`, where it is installed: its own words, none where all is well, undefined where it is not there. */
export const promtoolOf = (text: string): string | undefined => {
  const run = spawnSync("promtool", ["check", "metrics"], { input: text, encoding: "utf8" })
  return run.error === undefined ? `${run.stdout}${run.stderr}` : undefined
}
