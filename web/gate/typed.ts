/** Readers that act as a keyboard: a burst of keys that ends with Enter, wherever the focus is. */
import { useEffect, useRef } from "preact/hooks"

/** Milliseconds between two keys of a reader; people type slower. */
const burst = 60

/** The most characters of one reading; a ticket's QR text has some 200. */
const longest = 4_096

/** Hands over each burst of keys; what is typed into a field is the field's. */
export const useTyped = (read: (text: string) => void): void => {
  const latest = useRef(read)
  latest.current = read
  useEffect(() => {
    let text = ""
    let last = 0
    const key = (event: KeyboardEvent) => {
      if (event.target instanceof HTMLInputElement || event.ctrlKey || event.metaKey || event.altKey) return
      const now = performance.now()
      if (now - last > burst) text = ""
      last = now
      if (event.key === "Enter") {
        if (text.length < 6) return
        event.preventDefault()
        const whole = text
        text = ""
        latest.current(whole)
      } else if (event.key.length === 1 && text.length < longest) text += event.key
    }
    addEventListener("keydown", key)
    return () => removeEventListener("keydown", key)
  }, [])
}
