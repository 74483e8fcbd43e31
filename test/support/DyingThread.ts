/** A render thread that dies once when it is first asked, and works when it is started again. */
import * as Fs from "node:fs"
import { parentPort, workerData } from "node:worker_threads"

const mark = `${(workerData as { GUICHET_DATA: string }).GUICHET_DATA}/died`
if (Fs.existsSync(mark)) {
  await import("../../src/services/generator/RenderThread.ts")
} else {
  parentPort?.once("message", () => {
    Fs.writeFileSync(mark, "")
    throw new Error("This thread was told to die")
  })
  parentPort?.postMessage([0])
}
