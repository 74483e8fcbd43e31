/** Half-written files that a killed process left behind: they may hold personal data and are removed. */
import { DateTime, Duration, Effect, FileSystem, Option } from "effect"

/** No write takes this long, so that no file in progress is touched. */
const abandoned = Duration.hours(1)

/** Removes the files of a folder that `isOurs` names and that nobody has written to for so long; others may finish theirs meanwhile. */
export const sweep = Effect.fn("TempFiles.sweep")(
  function* (folder: string, isOurs: (name: string) => boolean, age: Duration.Duration = abandoned) {
    const fs = yield* FileSystem.FileSystem
    const before = DateTime.toEpochMillis(DateTime.subtractDuration(yield* DateTime.now, age))
    for (const name of (yield* fs.readDirectory(folder)).filter(isOurs)) {
      const written = yield* fs.stat(`${folder}/${name}`).pipe(
        Effect.map(({ mtime }) => mtime),
        Effect.catchIf(({ reason }) => reason._tag === "NotFound", () => Effect.succeedNone)
      )
      if (Option.exists(written, (time) => time.getTime() < before)) {
        yield* fs.remove(`${folder}/${name}`, { force: true })
      }
    }
  }
)
