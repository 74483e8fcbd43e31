/** The camera and what reads QR codes in its picture: the browser's own detector, or zxing where there is none. */
import type { ReaderOptions, ReadResult } from "zxing-wasm/reader"
import wasm from "zxing-wasm/reader/zxing_reader.wasm"

interface Detector {
  readonly detect: (source: HTMLVideoElement) => Promise<ReadonlyArray<{ readonly rawValue: string }>>
}

declare global {
  // The Shape Detection API has no types in TypeScript's DOM library.
  var BarcodeDetector: {
    new (options: { readonly formats: ReadonlyArray<string> }): Detector
    getSupportedFormats(): Promise<ReadonlyArray<string>>
  } | undefined
}

/** Reads all QR codes of a picture. */
type Reader = (video: HTMLVideoElement) => Promise<ReadonlyArray<string>>

const qr = "qr_code"

const ownReader = async (): Promise<Reader | null> => {
  const Own = globalThis.BarcodeDetector
  if (Own === undefined || !(await Own.getSupportedFormats()).includes(qr)) return null
  const detector = new Own({ formats: [qr] })
  return async (video) => (await detector.detect(video)).map(({ rawValue }) => rawValue)
}

const options: ReaderOptions = { formats: ["QRCode"], maxNumberOfSymbols: 2, tryInvert: true }

/** The longer side of the picture that zxing is given: a ticket held in front of a phone fills most of it. */
const side = 960

const zxingReader = async (): Promise<Reader> => {
  const { prepareZXingModule, readBarcodes } = await import("zxing-wasm/reader")
  await prepareZXingModule({ overrides: { locateFile: () => wasm }, fireImmediately: true })
  const canvas = document.createElement("canvas")
  const context = canvas.getContext("2d", { willReadFrequently: true })
  if (context === null) throw new Error("This browser draws nothing")
  return async (video) => {
    const scale = Math.min(1, side / Math.max(video.videoWidth, video.videoHeight))
    canvas.width = Math.round(video.videoWidth * scale)
    canvas.height = Math.round(video.videoHeight * scale)
    context.drawImage(video, 0, 0, canvas.width, canvas.height)
    const found: ReadonlyArray<ReadResult> = await readBarcodes(
      context.getImageData(0, 0, canvas.width, canvas.height),
      options
    )
    return found.filter(({ isValid }) => isValid).map(({ text }) => text)
  }
}

/** The reader that this browser has or can load; none while there is no network to load it over. */
const reader = async (): Promise<Reader | undefined> => {
  try {
    return await ownReader() ?? await zxingReader()
  } catch {
    return undefined
  }
}

/** Milliseconds until a reader that could not be loaded is asked for again. */
const untilReader = 3_000

export interface Camera {
  readonly torch: ((on: boolean) => Promise<void>) | null
  readonly stop: () => void
}

/** Why there is no picture. */
export type NoCamera = "refused" | "absent"

/** Milliseconds between two looks: ten a second are enough for a hand, and spare the battery. */
const rest = 90

/** Shows the camera in `video` and hands over what each picture holds: no code, one, or several. */
export const watch = async (
  video: HTMLVideoElement,
  seen: (codes: ReadonlyArray<string>) => void
): Promise<Camera | NoCamera> => {
  if (navigator.mediaDevices === undefined) return "absent"
  let stream: MediaStream
  try {
    stream = await navigator.mediaDevices.getUserMedia({
      audio: false,
      video: { facingMode: { ideal: "environment" }, width: { ideal: 1280 }, height: { ideal: 720 } }
    })
  } catch (fault) {
    return fault instanceof DOMException && fault.name === "NotAllowedError" ? "refused" : "absent"
  }
  video.srcObject = stream
  await video.play()
  let read: Reader | undefined
  let stopped = false
  let timer: ReturnType<typeof setTimeout>
  const turn = async () => {
    if (stopped) return
    read ??= await reader()
    if (read === undefined) {
      timer = setTimeout(turn, untilReader)
      return
    }
    if (video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA && !document.hidden) {
      const codes = await read(video)
      if (!stopped) seen([...new Set(codes)])
    }
    if (!stopped) timer = setTimeout(turn, rest)
  }
  void turn()
  const [track] = stream.getVideoTracks()
  // `torch` is in the specification of image capture and not in TypeScript's DOM library.
  const able = track?.getCapabilities?.() as { readonly torch?: boolean } | undefined
  return {
    torch: track === undefined || able?.torch !== true
      ? null
      : (on) => track.applyConstraints({ advanced: [{ torch: on } as MediaTrackConstraintSet] }),
    stop: () => {
      stopped = true
      clearTimeout(timer)
      for (const each of stream.getTracks()) each.stop()
    }
  }
}
