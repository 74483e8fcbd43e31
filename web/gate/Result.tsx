/** What a scan came to, over the whole screen: a colour, a shape, a word and the sentence. */
import { useEffect, useRef } from "preact/hooks"
import type { Outcome, Tone } from "./outcome.ts"
import { words } from "./words.ts"

/** A shape for each tone, since one man in twelve does not tell red from green. */
const shapes: Readonly<Record<Tone, { readonly outline: string; readonly mark: string }>> = {
  go: { outline: "M50 4a46 46 0 1 0 0 92a46 46 0 1 0 0-92z", mark: "M27 52l16 17 31-36" },
  stop: { outline: "M31 4h38l27 27v38l-27 27h-38l-27-27v-38z", mark: "M32 32l36 36M68 32l-36 36" },
  look: { outline: "M50 5l47 87h-94z", mark: "M50 36v28M50 76v3" }
}

export const Result = (
  { next, outcome, undo }: {
    readonly outcome: Outcome
    readonly next: () => void
    readonly undo: () => Promise<void>
  }
) => {
  const { alone, id, message, name, result, suspect, tone, type } = outcome
  const button = useRef<HTMLButtonElement>(null)
  useEffect(() => button.current?.focus({ preventScroll: true }), [id])
  return (
    <section
      class={`result appear ${tone}`}
      role="alertdialog"
      aria-live="assertive"
      aria-label={message}
      onClick={next}
    >
      <svg viewBox="0 0 100 100" aria-hidden="true">
        <path class="outline" d={shapes[tone].outline} />
        <path class="mark" d={shapes[tone].mark} />
      </svg>
      {name !== null && <p class="name">{name}</p>}
      {type !== null && <p class="type">{type}</p>}
      <p class="message">{message}</p>
      {alone && result !== null && <p class="alone">{words.decidedAlone}</p>}
      {suspect && <p class="alone">⚠</p>}
      <div class="row" onClick={(event) => event.stopPropagation()}>
        <button type="button" ref={button} class="grow" onClick={next}>{words.next}</button>
        {result === "valid" && (
          <button type="button" class="grow" onClick={() => void undo()}>{words.undo}</button>
        )}
      </div>
    </section>
  )
}
