/** What the reports of all benches share: lines, and marks that are met or not. */
import process from "node:process"

/** A figure that ought to be on one side of a limit. */
export interface Mark {
  readonly name: string
  readonly value: number
  readonly mark: string
  readonly met: boolean
}

/** A mark for what may not be more than its limit. */
export const atMost = (name: string, value: number, limit: number): Mark => ({
  name,
  value,
  mark: `at most ${limit}`,
  met: value <= limit
})

/** A mark for what may not be less than its limit. */
export const atLeast = (name: string, value: number, limit: number): Mark => ({
  name,
  value,
  mark: `at least ${limit}`,
  met: value >= limit
})

/** Prints a line. */
export const out = (text: string): void => void process.stdout.write(`${text}\n`)

/** Prints each mark, and an empty line. */
export const printMarks = (marks: ReadonlyArray<Mark>): void => {
  for (const { mark, met, name, value } of marks) {
    out(`${met ? "met    " : "NOT MET"} ${name}: ${value} (${mark})`)
  }
  out("")
}
