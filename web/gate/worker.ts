/** Keeps the scanner's own files, so that it opens without a network. Nothing of a ticket or a guest goes through here. */
declare const BUILD: string
declare const SHELL: ReadonlyArray<string>
declare const READER: ReadonlyArray<string>

interface WorkerScope {
  readonly addEventListener: (name: string, listener: (event: WorkerEvent) => void) => void
  readonly skipWaiting: () => Promise<void>
  readonly clients: { readonly claim: () => Promise<void> }
}

interface WorkerEvent {
  readonly data: unknown
  readonly request: Request
  readonly waitUntil: (work: Promise<unknown>) => void
  readonly respondWith: (answer: Promise<Response>) => void
}

const scope = globalThis as unknown as WorkerScope
const name = `guichet-${BUILD}`

/** A browser that reads QR codes itself needs no reader of ours. */
const files = "BarcodeDetector" in globalThis ? SHELL : [...SHELL, ...READER]

scope.addEventListener(
  "install",
  (event) => event.waitUntil(caches.open(name).then((cache) => cache.addAll([...files])))
)

scope.addEventListener("activate", (event) =>
  event.waitUntil(
    caches.keys()
      .then((names) =>
        Promise.all(
          names.filter((each) => each.startsWith("guichet-") && each !== name).map((each) =>
            caches.delete(each)
          )
        )
      )
      .then(() => scope.clients.claim())
  ))

scope.addEventListener("message", ({ data }) => {
  if (data === "take over") void scope.skipWaiting()
})

/** The page and its files from the cache; a file that the page asks for later is kept as well. */
const answer = async (request: Request, key: string): Promise<Response> => {
  const cache = await caches.open(name)
  const kept = await cache.match(key)
  if (kept !== undefined) return kept
  const fresh = await fetch(request)
  if (fresh.ok) await cache.put(key, fresh.clone())
  return fresh
}

scope.addEventListener("fetch", (event) => {
  const { origin, pathname } = new URL(event.request.url)
  if (event.request.method !== "GET" || origin !== location.origin) return
  if (pathname === "/gate" || pathname === "/gate/") event.respondWith(answer(event.request, "/gate"))
  else if (pathname.startsWith("/assets/")) event.respondWith(answer(event.request, pathname))
})
