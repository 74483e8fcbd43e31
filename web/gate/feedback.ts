/** What is heard and felt: each tone has a sound and a rhythm of its own, for who does not see the colour. */
import type { Tone } from "./outcome.ts"

/** Notes as frequency in hertz, start and length in seconds; rhythm in milliseconds. */
const signs: Readonly<
  Record<Tone, {
    readonly notes: ReadonlyArray<readonly [hertz: number, at: number, length: number]>
    readonly rhythm: ReadonlyArray<number>
  }>
> = {
  go: { notes: [[880, 0, 0.09], [1_320, 0.1, 0.14]], rhythm: [60] },
  stop: { notes: [[170, 0, 0.5]], rhythm: [350] },
  look: { notes: [[520, 0, 0.12], [520, 0.2, 0.12]], rhythm: [120, 80, 120] }
}

let sound: AudioContext | undefined

/** Browsers play nothing before a first touch: called from one. */
export const allowSound = (): void => {
  sound ??= new AudioContext()
  void sound.resume()
}

/** Plays the sign of a tone, as far as the device can. */
export const signal = (tone: Tone): void => {
  const { notes, rhythm } = signs[tone]
  navigator.vibrate?.([...rhythm])
  if (sound === undefined || sound.state !== "running") return
  for (const [hertz, at, length] of notes) {
    const note = sound.createOscillator()
    const volume = sound.createGain()
    note.type = tone === "stop" ? "sawtooth" : "sine"
    note.frequency.value = hertz
    volume.gain.setValueAtTime(0.25, sound.currentTime + at)
    volume.gain.exponentialRampToValueAtTime(0.001, sound.currentTime + at + length)
    note.connect(volume).connect(sound.destination)
    note.start(sound.currentTime + at)
    note.stop(sound.currentTime + at + length)
  }
}
