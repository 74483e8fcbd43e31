/** A newer version of the scanner takes over between two scans, never during one. */

const looking = 60_000

/** Registers the worker that opens the scanner without a network. */
const registered = "serviceWorker" in navigator
  ? navigator.serviceWorker.register("/gate-worker.js", { scope: "/gate" })
  : undefined

let controlled = "serviceWorker" in navigator && navigator.serviceWorker.controller !== null

if ("serviceWorker" in navigator) {
  navigator.serviceWorker.addEventListener("controllerchange", () => {
    if (controlled) location.reload()
    controlled = true
  })
}

/** Looks for a version that waits, and lets it in when `idle`; answers what ends the looking. */
export const offerUpdates = (idle: () => boolean): () => void => {
  const turn = async () => {
    const registration = await registered
    if (registration?.waiting !== null && registration?.waiting !== undefined && idle()) {
      registration.waiting.postMessage("take over")
    } else await registration?.update().catch(() => undefined)
  }
  const timer = setInterval(() => void turn(), looking)
  return () => clearInterval(timer)
}
