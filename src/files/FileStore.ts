/**
 * Where generated files live: tickets, QR images, invoices. One key, one file; the last complete write wins.
 */
import { type Config, Context, Effect, type FileSystem, Layer, Option } from "effect"
import type { HttpClient } from "effect/http"
import type { PlatformError } from "effect/PlatformError"
import type { FileStoreError, StoredFile } from "./FileStoreError.ts"
import * as LocalFiles from "./LocalFiles.ts"
import * as MemoryFiles from "./MemoryFiles.ts"
import { bucketConfig, type BucketMisconfigured, type S3Bucket } from "./S3Bucket.ts"
import * as S3Files from "./S3Files.ts"

export { FileStoreError, type StoredFile } from "./FileStoreError.ts"

/** `ownThread`: the store is used in a thread that serves nobody, which may write to the disk itself. */
export interface FileStoreOptions {
  readonly ownThread?: boolean
}

/**
 * Generated files by key. `put` is atomic and durable when it returns; `putAll` does so for files of different
 * keys, at less cost, and may have stored some when it fails as `unavailable`; `remove` of an absent file succeeds.
 */
export class FileStore extends Context.Service<FileStore, {
  put(key: string, bytes: Uint8Array, contentType: string): Effect.Effect<void, FileStoreError>
  putAll(files: ReadonlyArray<StoredFile>): Effect.Effect<void, FileStoreError>
  get(key: string): Effect.Effect<StoredFile, FileStoreError>
  exists(key: string): Effect.Effect<boolean, FileStoreError>
  remove(key: string): Effect.Effect<void, FileStoreError>
}>()("guichet/files/FileStore") {
  /** Files under a directory, each written aside, synced, then renamed into place. */
  static readonly layerLocal = (
    directory: string,
    { ownThread = false }: FileStoreOptions = {}
  ): Layer.Layer<FileStore, PlatformError, FileSystem.FileSystem> =>
    Layer.effect(FileStore, LocalFiles.make(directory, ownThread))

  /** Files that die with the process. */
  static readonly layerMemory: Layer.Layer<FileStore> = Layer.sync(FileStore, MemoryFiles.make)

  /** Objects of an S3-compatible bucket; nothing is asked of it until the first file. */
  static readonly layerS3 = (bucket: S3Bucket): Layer.Layer<FileStore, never, HttpClient.HttpClient> =>
    Layer.effect(FileStore, S3Files.make(bucket))

  /** The bucket that `FILES_S3_…` names, or else the directory. */
  static readonly layerConfig = (
    directory: string,
    options: FileStoreOptions = {}
  ): Layer.Layer<
    FileStore,
    PlatformError | BucketMisconfigured | Config.ConfigError,
    FileSystem.FileSystem | HttpClient.HttpClient
  > =>
    Layer.unwrap(Effect.map(bucketConfig, (bucket) => {
      const chosen: Layer.Layer<FileStore, PlatformError, FileSystem.FileSystem | HttpClient.HttpClient> =
        Option.isSome(bucket) ? FileStore.layerS3(bucket.value) : FileStore.layerLocal(directory, options)
      return chosen
    }))
}
