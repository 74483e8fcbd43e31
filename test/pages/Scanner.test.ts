/**
 * The scanner and the board in a real browser, with a camera that shows a ticket, and with a network that goes away.
 * Guards: the address keeps no token; nothing is loaded from elsewhere; a passage is stored before it is shown, sent
 * under one id, and sent once; a revoked token opens nothing; two codes at once are none; the first load stays small.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { BrowserContext, Page } from "playwright-core"
import { violations } from "./Axe.ts"
import { browserSeeing, executable, type Shown } from "./Browser.ts"
import { GateWorld, layer } from "./GateWorld.ts"

/** Chromium on a busy machine is slow; nothing here is decided by time. */
const patience = 60_000

type World = GateWorld["Service"]

const run = (
  seeing: (world: World) => ReadonlyArray<Shown>,
  act: (page: Page, world: World, context: BrowserContext) => Promise<void>
) =>
  Effect.gen(function* () {
    const world = yield* GateWorld
    const browser = yield* browserSeeing(seeing(world))
    yield* Effect.promise(async () => {
      const context = await browser.newContext({ locale: "en-GB", permissions: ["camera"] })
      context.setDefaultTimeout(patience)
      const page = await context.newPage()
      const faults: Array<string> = []
      page.on("pageerror", (fault) => faults.push(String(fault)))
      page.on("console", (line) => {
        if (/Content Security Policy/i.test(line.text())) faults.push(line.text())
      })
      await act(page, world, context)
      assert.deepStrictEqual(faults, [])
      await context.close()
    })
  }).pipe(Effect.scoped)

const nothing = () => []

const openGate = async (page: Page, { access, core }: Pick<World, "access" | "core">) => {
  await page.goto(`${core}/gate${access}`)
  await page.waitForSelector("#code")
}

const type = async (page: Page, code: string) => {
  await page.fill("#code", code)
  await page.press("#code", "Enter")
  await page.waitForSelector(".result")
  const result = page.locator(".result")
  const tone = (await result.getAttribute("class") ?? "").split(" ").at(-1)
  const text = await result.innerText()
  await page.locator(".result button").first().click()
  await page.waitForSelector(".result", { state: "detached" })
  return { tone, text }
}

/** The device has the whole bundle, and the worker has the page. */
const equipped = async (page: Page) => {
  await page.evaluate(() => navigator.serviceWorker.ready)
  await page.waitForFunction(async () => {
    const open = indexedDB.open("guichet-gate")
    const db = await new Promise<IDBDatabase>((resolve, reject) => {
      open.onsuccess = () => resolve(open.result)
      open.onerror = () => reject(open.error)
    })
    const read = db.transaction("known").objectStore("known").get("bundle")
    const known = await new Promise<{ readonly more: boolean } | undefined>((resolve) => {
      read.onsuccess = () => resolve(read.result)
    })
    db.close()
    return known?.more === false
  })
}

const entries = async (world: World): Promise<number> => (await world.ask("/api/events/1/gate")).entered

describe.skipIf(executable === undefined)("the pages at the door", () => {
  it.layer(layer, { excludeTestServices: true })((it) => {
    it.effect("a ticket held crooked before the camera lets its guest in once, and the address keeps no token", () =>
      run(
        ({ tickets }) => [{ text: tickets[0]!.qr_data, degrees: 17, edge: 340 }],
        async (page, world) => {
          const before = await entries(world)
          await page.goto(`${world.core}/gate${world.access}`)
          await page.waitForSelector(".result.go")
          assert.include(await page.locator(".result").innerText(), "Zoë")
          assert.strictEqual(page.url(), `${world.core}/gate`)
          assert.strictEqual(await page.evaluate(() => history.length), 2)
          await page.reload()
          await page.waitForSelector(".result.stop")
          assert.include(await page.locator(".result").innerText(), "Read again")
          assert.strictEqual(await entries(world), before + 1)
        }
      ))

    it.effect("two tickets at once are none", () =>
      run(({ tickets }) => [
        { text: tickets[1]!.qr_data, x: 160, edge: 300 },
        { text: tickets[2]!.qr_data, x: 480, edge: 300 }
      ], async (page, world) => {
        const before = await entries(world)
        await openGate(page, world)
        await page.getByText("One ticket at a time").waitFor()
        assert.strictEqual(await entries(world), before)
      }))

    it.effect("decides alone without a network, loses nothing with its tab, and sends everything once", () =>
      run(nothing, async (page, world, context) => {
        const before = await entries(world)
        const codes = world.tickets.slice(3, 6).map(({ ticket_code }) => ticket_code)
        await openGate(page, world)
        await equipped(page)
        assert.strictEqual((await type(page, codes[0]!)).tone, "go")
        // The answer to this one is lost on its way back: it is decided alone, under the same id.
        await page.route("**/api/scans/validate", async (route) => {
          await route.fetch()
          await route.abort()
        }, { times: 1 })
        const lost = await type(page, codes[1]!)
        assert.strictEqual(lost.tone, "go")
        assert.include(lost.text, "without a network")
        await context.setOffline(true)
        assert.strictEqual((await type(page, codes[2]!)).tone, "go")
        assert.strictEqual((await type(page, codes[2]!)).tone, "stop")
        assert.strictEqual((await type(page, "TKT-001-0000000000000000")).tone, "stop")
        await page.close({ runBeforeUnload: false })
        const again = await context.newPage()
        await again.goto(`${world.core}/gate`)
        await again.getByText("passages to send").waitFor()
        assert.strictEqual((await type(again, codes[2]!)).tone, "stop")
        await context.setOffline(false)
        await again.getByText("to send").waitFor({ state: "detached" })
        const { scans } = await world.ask("/api/events/1/scans")
        const ids = scans.map(({ scan_id }: { readonly scan_id: string }) => scan_id)
        assert.strictEqual(new Set(ids).size, ids.length)
        assert.strictEqual(await entries(world), before + 3)
      }))

    it.effect("a revoked token opens nothing any more, and what was decided stays on the device", () =>
      run(nothing, async (page, world, context) => {
        const before = await entries(world)
        const steward = await world.steward()
        await openGate(page, { ...world, ...steward })
        await equipped(page)
        await context.setOffline(true)
        assert.strictEqual((await type(page, world.tickets[6]!.ticket_code)).tone, "go")
        await steward.revoke()
        await context.setOffline(false)
        await page.getByText("This access is no longer valid").first().waitFor()
        await page.getByText("1 passage to send").waitFor()
        assert.strictEqual(await entries(world), before)
        // A link of another event sends nothing of this one; the next link of this one does.
        const elsewhere = await world.steward([2])
        await page.goto(`${world.core}/`)
        await page.goto(`${world.core}/gate${elsewhere.access}`)
        await page.getByText("1 passage of another event is kept").waitFor()
        await page.goto(`${world.core}/`)
        await openGate(page, world)
        await page.getByText("to send").waitFor({ state: "detached" })
        await page.waitForFunction(async () => {
          const open = indexedDB.open("guichet-gate")
          const db = await new Promise<IDBDatabase>((resolve) => {
            open.onsuccess = () => resolve(open.result)
          })
          const count = db.transaction("passages").objectStore("passages").count()
          const left = await new Promise<number>((resolve) => {
            count.onsuccess = () => resolve(count.result)
          })
          db.close()
          return left === 0
        })
        assert.strictEqual(await entries(world), before + 1)
      }))

    it.effect("a passage is taken back", () =>
      run(nothing, async (page, world) => {
        const inside = async () => (await world.ask("/api/events/1/gate")).inside
        const before = await inside()
        await openGate(page, world)
        await page.fill("#code", world.tickets[7]!.ticket_code)
        await page.press("#code", "Enter")
        await page.getByText("Undo this passage").click()
        await page.getByText("Passage undone").waitFor()
        assert.strictEqual(await inside(), before)
      }))

    it.effect("every page reads well at 360 and 1200 px, light and dark, for screen readers, and loads little", () =>
      run(nothing, async (page, world, context) => {
        await openGate(page, world)
        const start = await (await fetch(`${world.core}/gate`)).text()
        let bytes = start.length
        for (const [, asset] of start.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)) {
          const file = await fetch(`${world.core}${asset}`, { headers: { "accept-encoding": "gzip" } })
          bytes += Number(file.headers.get("content-length"))
          await file.arrayBuffer()
        }
        assert.isAbove(bytes, 50_000)
        assert.isBelow(bytes, 300_000)
        const ticket = new URL(world.tickets[8]!.page_url).pathname
        for (const colorScheme of ["light", "dark"] as const) {
          for (const width of [360, 1_200]) {
            for (const place of ["/", "/gate", `/gate/board${world.access}`, ticket]) {
              const view = await context.newPage()
              await view.emulateMedia({ colorScheme })
              await view.setViewportSize({ width, height: 800 })
              await view.goto(`${world.core}${place}`)
              await view.waitForSelector("main")
              const where = `${place.split("#")[0]} ${colorScheme} ${width}`
              assert.isAtMost(await view.evaluate(() => document.documentElement.scrollWidth), width, where)
              assert.deepStrictEqual(await violations(view), [], where)
              await view.close()
            }
          }
        }
      }))

    it.effect("the board shows each passage as it comes", () =>
      run(nothing, async (page, world, context) => {
        await page.goto(`${world.core}/gate/board${world.access}`)
        await page.waitForSelector(".board")
        assert.strictEqual(page.url(), `${world.core}/gate/board`)
        const figure = page.locator(".figure").first()
        const before = Number((await figure.innerText()).split(" ")[0])
        const gate = await context.newPage()
        await openGate(gate, world)
        await type(gate, world.tickets[9]!.ticket_code)
        await figure.getByText(`${before + 1} / 500`).waitFor()
        await page.locator(".plain .in").first().waitFor()
      }))
  })
})
