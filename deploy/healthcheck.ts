/** Asks this container's own process whether it may be sent requests: `HEALTH_PORT`, 3001 by default. Ends with 0 when it may. */
import process from "node:process"

const port = Number(process.env.HEALTH_PORT ?? 3001)

const isReady = async (): Promise<boolean> => {
  const answer = await fetch(`http://127.0.0.1:${port}/health/ready`, { signal: AbortSignal.timeout(4_000) })
  await answer.body?.cancel()
  return answer.ok
}

process.exitCode = await isReady().catch(() => false) ? 0 : 1
