/** The first token of an embedded installation: without it nobody could ask for one over HTTP. */
import { Effect, FileSystem, Layer, Redacted } from "effect"
import * as Database from "../Database.ts"
import { TokenStore } from "../store/TokenStore.ts"

/** Where the first start keeps its admin token, below the data directory. */
export const firstTokenFile = "secrets/admin-token"

/** Makes an admin token when the embedded database has none at all, and keeps it in a file of mode 0600. */
export const FirstTokenLayer = Layer.effectDiscard(Effect.gen(function*() {
  if (!(yield* Database.isEmbedded)) return
  const tokens = yield* TokenStore
  if ((yield* tokens.list).length > 0) return
  const fs = yield* FileSystem.FileSystem
  const directory = yield* Database.dataDirectory
  const path = `${directory}/${firstTokenFile}`
  const { token } = yield* tokens.create({ role: "admin", subject: "admin" })
  yield* fs.writeFileString(path, `${Redacted.value(token)}\n`, { mode: 0o600 })
  yield* Effect.logInfo(`The first token, an admin's, is in ${path}`)
}))
