/** The first token of an embedded installation: without it nobody could ask for one over HTTP. */
import { Effect, FileSystem, Layer, Redacted } from "effect"
import * as Database from "../database/Database.ts"
import { TokenStore } from "../store/TokenStore.ts"

/** Where the first start keeps its admin token, below the data directory. */
export const firstTokenFile = "secrets/admin-token"

/** Makes an admin token for the embedded database unless its file is there: mode 0600, and whoever deletes it gets a new one. */
export const FirstTokenLayer = Layer.effectDiscard(Effect.gen(function* () {
  if (!(yield* Database.isEmbedded)) return
  const fs = yield* FileSystem.FileSystem
  const directory = yield* Database.dataDirectory
  const path = `${directory}/${firstTokenFile}`
  if (yield* fs.exists(path)) return
  const tokens = yield* TokenStore
  yield* fs.makeDirectory(`${directory}/secrets`, { recursive: true, mode: 0o700 })
  const { token } = yield* tokens.create({ role: "admin", subject: "admin" })
  yield* fs.writeFileString(path, `${Redacted.value(token)}\n`, { mode: 0o600 })
  yield* Effect.logInfo(`The first token, an admin's, is in ${path}`)
}))
