/** HTML that escapes by default: only what was made by `html` itself goes in unescaped. */

/** Markup that is safe to put into a page. */
export interface Html {
  readonly markup: string
}

type Part = string | number | undefined | Html | ReadonlyArray<Html>

const entities: Record<string, string> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;"
}

/** Text as it may stand between tags and inside quoted attributes. */
export const escape = (text: string): string => text.replace(/[&<>"']/g, (c) => entities[c] ?? c)

const show = (part: Part): string => {
  if (part === undefined) return ""
  if (typeof part === "string" || typeof part === "number") return escape(String(part))
  return "markup" in part ? part.markup : part.map((each) => each.markup).join("")
}

/** A tagged template; strings and numbers put into it are escaped. */
export const html = (strings: TemplateStringsArray, ...parts: ReadonlyArray<Part>): Html => ({
  markup: strings.reduce((all, text, i) => all + show(parts[i - 1]) + text)
})
