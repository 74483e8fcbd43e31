/** The fonts that write what our own cannot: which package has them, and which characters they are asked for. */

/** `whole` is a TrueType file a weight, `sliced` a variable font in WOFF2 files of some characters each. */
export interface FontPack {
  readonly key: string
  readonly kind: "whole" | "sliced"
  /** Of the package: `@expo-google-fonts/noto-sans-arabic`, its files are named `NotoSansArabic_400Regular.ttf`. */
  readonly package: string
  readonly file: string
  /** Its package has a file for bold text; otherwise the regular one serves for both. */
  readonly bold: boolean
  /** Characters that the font is worth reading for. */
  readonly writes: RegExp
}

const script = (key: string, file: string, writes: RegExp): FontPack => ({
  key,
  kind: "whole",
  package: `@expo-google-fonts/noto-sans-${key}`,
  file,
  bold: true,
  writes
})

const sliced = (key: string, writes: RegExp): FontPack => ({
  key,
  kind: "sliced",
  package: `@fontsource-variable/noto-sans-${key}`,
  file: `NotoSans${key.toUpperCase()}`,
  bold: true,
  writes
})

const han = /[\p{scx=Han}\p{scx=Hira}\p{scx=Kana}\p{scx=Bopo}\uff00-\uffef\u3000-\u33ff]/u

/** Simplified Chinese first; what it has not is often in the others. */
const chinese = sliced("sc", han)
const traditional = sliced("tc", han)
const japanese = sliced("jp", han)
const korean = sliced("kr", /[\p{scx=Hang}\p{scx=Han}\u3000-\u33ff\uff00-\uffef]/u)

/** Emoji, and what they are put together of. */
export const emoji: FontPack = {
  key: "emoji",
  kind: "whole",
  package: "@expo-google-fonts/noto-emoji",
  file: "NotoEmoji",
  bold: true,
  writes: /[\p{Extended_Pictographic}\p{Emoji_Component}\u{1f1e6}-\u{1f1ff}]/u
}

const scripts: ReadonlyArray<FontPack> = [
  script("arabic", "NotoSansArabic", /\p{scx=Arab}/u),
  script("hebrew", "NotoSansHebrew", /\p{scx=Hebr}/u),
  script("devanagari", "NotoSansDevanagari", /\p{scx=Deva}/u),
  script("tamil", "NotoSansTamil", /\p{scx=Taml}/u),
  script("thai", "NotoSansThai", /\p{scx=Thai}/u),
  script("georgian", "NotoSansGeorgian", /\p{scx=Geor}/u),
  script("armenian", "NotoSansArmenian", /\p{scx=Armn}/u)
]

const symbols: ReadonlyArray<FontPack> = [
  script("symbols", "NotoSansSymbols", /[\p{S}\p{P}\p{N}\p{Me}]/u),
  { ...script("symbols-2", "NotoSansSymbols2", /[\p{S}\p{P}\p{N}]/u), bold: false }
]

/**
 * The packs in the order in which they are asked for a text's characters. Chinese, Japanese and Korean share characters
 * that each draws its own way: kana and Hangul say which a text is in.
 */
export const packsFor = (text: string): ReadonlyArray<FontPack> => {
  const eastern = /\p{Script=Hangul}/u.test(text)
    ? [korean, chinese, traditional, japanese]
    : /[\p{Script=Hiragana}\p{Script=Katakana}]/u.test(text)
    ? [japanese, chinese, traditional, korean]
    : [chinese, traditional, japanese, korean]
  return [...scripts, ...eastern, emoji, ...symbols]
}

/** Letters that are pictures although a text font may have them too: the variation selector asks for the picture. */
export const asksForEmoji = (letter: string): boolean =>
  /\p{Emoji_Presentation}|\ufe0f|\u20e3/u.test(letter) && !letter.includes("\ufe0e")
