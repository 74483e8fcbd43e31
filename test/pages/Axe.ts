/** What axe-core finds wrong with a page for people who do not see, or use no mouse. */
import { createRequire } from "node:module"
import { readFileSync } from "node:fs"
import type { Page } from "playwright-core"

const source = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8")

interface Violation {
  readonly id: string
  readonly nodes: ReadonlyArray<{ readonly html: string }>
}

declare const axe: { readonly run: () => Promise<{ readonly violations: ReadonlyArray<Violation> }> }

/** Rule and element of each fault. */
export const violations = async (page: Page): Promise<ReadonlyArray<string>> => {
  await page.evaluate(source)
  const found = await page.evaluate(async () => (await axe.run()).violations)
  return found.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 120)}`))
}
