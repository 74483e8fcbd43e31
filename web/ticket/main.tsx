/** Keeps the screen awake while a ticket is shown: a phone that goes dark at the gate holds up the queue. */

const stayAwake = async () => {
  if (document.visibilityState !== "visible" || !("wakeLock" in navigator)) return
  // Refused with an empty battery: then the screen goes dark, as its owner wants.
  await navigator.wakeLock.request("screen").catch(() => undefined)
}

if (document.querySelector(".qr") !== null) {
  document.addEventListener("visibilitychange", () => void stayAwake())
  void stayAwake()
}

export {}
