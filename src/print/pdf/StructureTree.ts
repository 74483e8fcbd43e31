/**
 * What a document says to those who hear it (ISO 32000-1 §14.7, §14.8): its headings, paragraphs and figures in the order
 * in which they are read, each with the marked content that shows it.
 */
import { type PDFContext, PDFHexString, type PDFRef } from "@cantoo/pdf-lib"
import type { Block } from "./Shapes.ts"

/** A page with its blocks; `marked` is the block of each piece of marked content, by its number. */
export interface TaggedPage {
  readonly ref: PDFRef
  readonly blocks: ReadonlyArray<Block>
  readonly marked: ReadonlyArray<number>
}

/** Adds the tree of a document and answers its root; pages have their place in the list as `StructParents`. */
export const addStructure = (document: PDFContext, pages: ReadonlyArray<TaggedPage>): PDFRef => {
  const root = document.nextRef()
  const whole = document.nextRef()
  const children: Array<PDFRef> = []
  const parents: Array<number | Array<PDFRef>> = []
  pages.forEach(({ blocks, marked, ref }, at) => {
    const pieces = blocks.map((): Array<number> => [])
    marked.forEach((block, id) => pieces[block]!.push(id))
    const elements = blocks.map(({ alt, role, says }, block) =>
      document.register(document.obj({
        S: role,
        P: whole,
        Pg: ref,
        K: pieces[block]!.length === 1 ? pieces[block]![0]! : pieces[block]!,
        ...(alt === undefined ? {} : { Alt: PDFHexString.fromText(alt) }),
        ...(says === undefined ? {} : { ActualText: PDFHexString.fromText(says.toWellFormed()) })
      }))
    )
    children.push(...elements)
    parents.push(at, marked.map((block) => elements[block]!))
  })
  document.assign(whole, document.obj({ Type: "StructElem", S: "Document", P: root, K: children }))
  document.assign(
    root,
    document.obj({
      Type: "StructTreeRoot",
      K: whole,
      ParentTree: document.register(document.obj({ Nums: parents })),
      ParentTreeNextKey: pages.length
    })
  )
  return root
}
