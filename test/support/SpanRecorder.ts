/** OpenTelemetry without an exporter: what it would have been told. */
import { Effect, Tracer } from "effect"

/** Remembers every span that begins, and wakes whoever waits for one. */
export const recording = () => {
  const spans: Array<Tracer.NativeSpan> = []
  const waiting = new Set<() => void>()
  const tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      spans.push(span)
      waiting.forEach((look) => look())
      return span
    }
  })
  const named = (name: string) => spans.filter((span) => span.name === name)
  const begun = (name: string, count: number) =>
    Effect.callback<void>((resume) => {
      const look = () => {
        if (named(name).length < count) return
        waiting.delete(look)
        resume(Effect.void)
      }
      waiting.add(look)
      look()
    })
  return { spans, tracer, named, begun }
}
