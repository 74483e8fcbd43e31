/**
 * What a power cut leaves of the folder: a file whose `put` returned, and every folder above it.
 * Guards: bytes are synced before the rename, the folder after it, a new folder's entry in its parent before `put`
 * returns, also for those who only find the folder there; syncs that are asked for together are one; a folder that
 * someone took away is made again.
 */
import { NodeFileSystem } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Queue } from "effect"
import { FileStore } from "../../src/files/FileStore.ts"
import * as Disk from "../../src/files/Disk.ts"
import * as FolderSync from "../../src/files/FolderSync.ts"

const pdf = "application/pdf"
const bytes = new TextEncoder().encode("%PDF")

interface Done {
  readonly act: "made" | "renamed" | "synced"
  readonly path: string
}

/** The real file system, and what was done to it in order. */
const watched = Effect.gen(function* () {
  const real = yield* FileSystem.FileSystem
  const done: Array<Done> = []
  const note = (act: Done["act"], path: string) =>
    Effect.sync(() => {
      done.push({ act, path })
    })
  const fs: FileSystem.FileSystem = {
    ...real,
    makeDirectory: (path, options) => Effect.andThen(real.makeDirectory(path, options), note("made", path)),
    rename: (from, to) => Effect.andThen(real.rename(from, to), note("renamed", to)),
    open: (path, options) =>
      Effect.map(real.open(path, options), (file) =>
        new Proxy(file, {
          get: (target, name) =>
            name === "sync"
              ? Effect.andThen(target.sync, note("synced", path))
              : Reflect.get(target, name, target)
        }))
  }
  return { done, fs }
})

/** What a power cut right now would leave: paths whose entries were synced after they came to be. */
const survivors = (done: ReadonlyArray<Done>) => {
  const at = new Map<string, number>()
  done.forEach(({ act, path }, index) => {
    if (act === "renamed" || (act === "made" && !at.has(path))) at.set(path, index)
  })
  return (path: string) => {
    const folder = path.slice(0, path.lastIndexOf("/"))
    const came = at.get(path)
    return came !== undefined &&
      done.some(({ act, path }, index) => act === "synced" && path === folder && index > came)
  }
}

describe("FileStore local", () => {
  it.effect("keeps a file and its new folders through a power cut once put returned", () =>
    Effect.gen(function* () {
      const { done, fs } = yield* watched
      const root = yield* fs.makeTempDirectoryScoped()
      const files = yield* Effect.provide(FileStore, FileStore.layerLocal(root)).pipe(
        Effect.provideService(FileSystem.FileSystem, fs)
      )
      const put = (key: string) =>
        Effect.map(files.put(key, bytes, pdf), () => {
          const survives = survivors(done)
          const folders = key.split("/").slice(0, -1).map((_, at, parts) => parts.slice(0, at + 1).join("/"))
          for (const path of [key, ...folders]) assert.isTrue(survives(`${root}/${path}`), path)
        })
      yield* Effect.forEach(
        ["t/1/a.pdf", "t/1/b.pdf", "t/2/a.pdf", "t/1/c.pdf", "u/v/w/a.pdf", "a.pdf", "t/1/a.pdf"],
        put,
        { concurrency: 4 }
      )
      const temporary = done.filter(({ act, path }) => act === "synced" && path.includes("/.drafts/"))
      assert.strictEqual(temporary.length, 7)
      const first = done.findIndex(({ act }) => act === "renamed")
      assert.isTrue(done.slice(0, first).some(({ path }) => path.includes("/.drafts/")))
    }).pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer)))

  it.effect("keeps files of several folders that were stored at once, each renamed after all were synced", () =>
    Effect.gen(function* () {
      const { done, fs } = yield* watched
      const root = yield* fs.makeTempDirectoryScoped()
      const files = yield* Effect.provide(FileStore, FileStore.layerLocal(root)).pipe(
        Effect.provideService(FileSystem.FileSystem, fs)
      )
      const keys = ["t/1/a.pdf", "t/1/b.pdf", "t/2/a.pdf"]
      yield* files.putAll(keys.map((key) => ({ key, bytes, contentType: pdf })))
      const survives = survivors(done)
      for (const path of [...keys, "t", "t/1", "t/2"]) assert.isTrue(survives(`${root}/${path}`), path)
      const first = done.findIndex(({ act }) => act === "renamed")
      assert.strictEqual(done.slice(0, first).filter(({ path }) => path.includes("/.drafts/")).length, 3)
      const after = done.slice(done.findLastIndex(({ act }) => act === "renamed"))
      assert.strictEqual(after.filter(({ act }) => act === "synced").length, 2)
    }).pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer)))

  it.effect("makes a folder once, and again when someone took it away", () =>
    Effect.gen(function* () {
      const { done, fs } = yield* watched
      const root = yield* fs.makeTempDirectoryScoped()
      const files = yield* Effect.provide(FileStore, FileStore.layerLocal(root)).pipe(
        Effect.provideService(FileSystem.FileSystem, fs)
      )
      const made = () => done.filter(({ act, path }) => act === "made" && path === `${root}/t/1`).length
      yield* files.put("t/1/a.pdf", bytes, pdf)
      yield* files.put("t/1/b.pdf", bytes, pdf)
      assert.strictEqual(made(), 1)
      yield* fs.remove(`${root}/t`, { recursive: true })
      yield* files.put("t/1/a.pdf", bytes, pdf)
      assert.isTrue(yield* files.exists("t/1/a.pdf"))
      assert.strictEqual(made(), 2)
    }).pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer)))
})

it.effect("a sync answers only those who asked before it began", () =>
  Effect.gen(function* () {
    const real = yield* FileSystem.FileSystem
    const root = yield* real.makeTempDirectoryScoped()
    const begun = yield* Queue.unbounded<string>()
    const go = yield* Queue.unbounded<void>()
    let syncs = 0
    const slow = Effect.sync(() => syncs++).pipe(
      Effect.andThen(Queue.offer(begun, "sync")),
      Effect.andThen(Queue.take(go))
    )
    const fs: FileSystem.FileSystem = {
      ...real,
      open: (path, options) =>
        Effect.map(
          real.open(path, options),
          (file) =>
            new Proxy(file, { get: (target, name) => name === "sync" ? slow : Reflect.get(target, name) })
        )
    }
    const { sync } = FolderSync.make(root, Disk.shared(fs))
    let answered = 0
    const ask = Effect.forkChild(Effect.tap(sync(root), () => Effect.sync(() => answered++)), {
      startImmediately: true
    })
    yield* ask
    yield* Queue.take(begun)
    yield* Effect.all([ask, ask, ask])
    yield* Queue.offer(go, undefined)
    yield* Queue.take(begun)
    assert.strictEqual(answered, 1)
    yield* Queue.offer(go, undefined)
    while (answered < 4) yield* Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))
    assert.strictEqual(syncs, 2)
  }).pipe(Effect.scoped, Effect.provide(NodeFileSystem.layer)))
