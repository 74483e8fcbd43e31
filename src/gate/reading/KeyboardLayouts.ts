/**
 * What becomes of a text when a reader that types on a US keyboard is plugged into a computer that takes it for another
 * one, and the way back. A reader presses keys: the computer writes what its own layout has on them.
 */

/** The 47 keys of letters, digits and marks in the order of their rows, without and with shift. */
interface Layout {
  readonly plain: string
  readonly shifted: string
  /** What a dead key leaves on the next letter, and the character that is on the key. */
  readonly dead: Readonly<Record<string, string>>
}

const dead = { "\u0300": "`", "\u0301": "´", "\u0302": "^", "\u0303": "~", "\u0308": "¨" }

const us: Layout = {
  plain: "`1234567890-=qwertyuiop[]\\asdfghjkl;'zxcvbnm,./",
  shifted: '~!@#$%^&*()_+QWERTYUIOP{}|ASDFGHJKL:"ZXCVBNM<>?',
  dead: { ...dead, "\u0301": "'", "\u0308": '"', "\u0327": "'" }
}

const others: ReadonlyArray<Layout> = [
  // French and Belgian AZERTY.
  {
    plain: "²&é\"'(-è_çà)=azertyuiop^$*qsdfghjklmùwxcvbn,;:!",
    shifted: "³1234567890°+AZERTYUIOP¨£µQSDFGHJKLM%WXCVBN?./§",
    dead
  },
  {
    plain: "²&é\"'(§è!çà)-azertyuiop^$µqsdfghjklmùwxcvbn,;:=",
    shifted: "³1234567890°_AZERTYUIOP¨*£QSDFGHJKLM%WXCVBN?./+",
    dead
  },
  // German QWERTZ, and the two of Switzerland.
  {
    plain: "^1234567890ß´qwertzuiopü+#asdfghjklöäyxcvbnm,.-",
    shifted: "°!\"§$%&/()=?`QWERTZUIOPÜ*'ASDFGHJKLÖÄYXCVBNM;:_",
    dead
  },
  {
    plain: "§1234567890'^qwertzuiopè¨$asdfghjkléàyxcvbnm,.-",
    shifted: '°+"*ç%&/()=?`QWERTZUIOPü!£ASDFGHJKLöäYXCVBNM;:_',
    dead
  },
  {
    plain: "§1234567890'^qwertzuiopü¨$asdfghjklöäyxcvbnm,.-",
    shifted: '°+"*ç%&/()=?`QWERTZUIOPè!£ASDFGHJKLéàYXCVBNM;:_',
    dead
  },
  // Spanish, Italian, Portuguese and British.
  {
    plain: "º1234567890'¡qwertyuiop`+çasdfghjklñ´zxcvbnm,.-",
    shifted: 'ª!"·$%&/()=?¿QWERTYUIOP^*ÇASDFGHJKLÑ¨ZXCVBNM;:_',
    dead
  },
  {
    plain: "\\1234567890'ìqwertyuiopè+ùasdfghjklòàzxcvbnm,.-",
    shifted: '|!"£$%&/()=?^QWERTYUIOPé*§ASDFGHJKLç°ZXCVBNM;:_',
    dead
  },
  {
    plain: "\\1234567890'«qwertyuiop+´~asdfghjklçºzxcvbnm,.-",
    shifted: '|!"#$%&/()=?»QWERTYUIOP*`^ASDFGHJKLÇªZXCVBNM;:_',
    dead
  },
  {
    plain: "`1234567890-=qwertyuiop[]#asdfghjkl;'zxcvbnm,./",
    shifted: '¬!"£$%^&*()_+QWERTYUIOP{}~ASDFGHJKL:@ZXCVBNM<>?',
    dead
  }
]

const tableOf = (pairs: ReadonlyArray<readonly [from: string, to: string]>): ReadonlyMap<string, string> =>
  new Map(pairs.flatMap(([from, to]) => [...from].map((char, at) => [char, to[at]!] as const)))

/** Each character by the table; a letter that a dead key has marked is the dead key, then the letter. */
const translate = (text: string, table: ReadonlyMap<string, string>, marks: Layout["dead"]): string => {
  let translated = ""
  for (const char of text) {
    const known = table.get(char)
    if (known !== undefined) {
      translated += known
      continue
    }
    const [letter = "", mark = ""] = char.normalize("NFD")
    const key = marks[mark]
    translated += key === undefined ? char : (table.get(key) ?? key) + (table.get(letter) ?? letter)
  }
  return translated
}

const swapCase = (text: string): string =>
  text.replace(/[a-z]+|[A-Z]+/g, (run) => run < "a" ? run.toLowerCase() : run.toUpperCase())

type Read = (text: string) => string

/**
 * The texts that a reader may have typed, by each layout: as it is, with the letters' case changed by caps lock, and
 * with every key's shift changed, as caps lock does on an AZERTY keyboard.
 */
export const throughLayouts: ReadonlyArray<Read> = [us, ...others].flatMap((layout): ReadonlyArray<Read> => {
  const straight = tableOf([[layout.shifted, us.shifted], [layout.plain, us.plain]])
  const locked = tableOf([[layout.shifted, us.plain], [layout.plain, us.shifted]])
  const read: Read = (text) => translate(text, straight, layout.dead)
  return [read, (text) => swapCase(read(text)), (text) => translate(text, locked, layout.dead)]
})

/** The keys that a reader may have pressed, by each layout but its own, whatever shift and caps lock did: lower case. */
export const keysByLayouts: ReadonlyArray<Read> = others.map((layout) => {
  const keys = tableOf([[layout.shifted, us.plain], [layout.plain, us.plain]])
  return (text) => translate(text, keys, layout.dead)
})

/** The digits of a person who typed on an AZERTY keyboard without shift; on the French one, `-` is 6 too. */
export const azertyDigits: ReadonlyArray<ReadonlyMap<string, string>> = ["&é\"'(-è_çà", "&é\"'(§è!çà"].map((
  row
) => tableOf([[row, "1234567890"]]))
