/** Files of tickets, invoices and messages. */
import { randomUUID } from "node:crypto"
import { mkdirSync } from "node:fs"
import { open, readFile, rename, writeFile } from "node:fs/promises"
import { join } from "node:path"
import process from "node:process"

const root = process.env.DATA_DIR ?? "data"

/** Where tickets and invoices are kept, and where messages land. */
export const folders = {
  documents: join(root, "documents"),
  outbox: join(root, "outbox")
}

for (const folder of Object.values(folders)) {
  mkdirSync(folder, { recursive: true })
}

/** A file by its name in a folder. */
export interface Named {
  readonly name: string
  readonly bytes: Uint8Array
}

const syncFolder = async (path: string): Promise<void> => {
  const folder = await open(path)
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

/** Each file is there whole and survives a power cut once this resolves. */
export const keepDocuments = async (
  files: ReadonlyArray<Named>
): Promise<void> => {
  await Promise.all(files.map(async ({ bytes, name }) => {
    const temporary = join(folders.documents, `.${randomUUID()}.tmp`)
    const file = await open(temporary, "wx")
    try {
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, join(folders.documents, name))
  }))
  await syncFolder(folders.documents)
}

/** A document that was kept. */
export const document = (name: string): Promise<Uint8Array> => readFile(join(folders.documents, name))

/** A message appears whole. */
export const post = async ({ bytes, name }: Named): Promise<void> => {
  const temporary = join(folders.outbox, `.${randomUUID()}.tmp`)
  await writeFile(temporary, bytes)
  await rename(temporary, join(folders.outbox, name))
}
