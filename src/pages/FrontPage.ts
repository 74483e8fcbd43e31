/** `GET /`: what this is and where to go. */
import type { Locale } from "../../rpc/values/Values.ts"
import { document, template } from "./Html.ts"

const words = {
  fr: {
    title: "Guichet",
    what:
      "Guichet est le cœur d'une billetterie : il crée les événements, émet les billets, encaisse, écrit aux invités et contrôle les entrées.",
    gate: ["Contrôler les billets", "Sur un téléphone, avec le lien ou le QR code remis par l'organisateur."],
    board: ["Suivre les portes en direct", "Qui est entré, qui a été refusé et pourquoi."],
    docs: ["L'interface de programmation", "Toutes les routes, leurs champs et leurs réponses."],
    openapi: ["Sa description OpenAPI", "Pour écrire un client."],
    keys: ["Les clés publiques des billets", "Pour vérifier un billet sans réseau."],
    ready: ["L'état de ce serveur", "S'il peut recevoir des requêtes, et sinon pourquoi."]
  },
  en: {
    title: "Guichet",
    what:
      "Guichet is the core of a ticketing platform: it makes events, issues tickets, takes payments, writes to guests and checks who comes in.",
    gate: ["Check tickets", "On a phone, with the link or the QR code that the organiser gave you."],
    board: ["Watch the gates live", "Who came in, who was refused and why."],
    docs: ["The programming interface", "All routes, their fields and their answers."],
    openapi: ["Its OpenAPI description", "To write a client."],
    keys: ["The tickets' public keys", "To verify a ticket without a network."],
    ready: ["How this server is", "Whether it takes requests, and if not, why."]
  }
} as const

const places = [
  ["/gate", "gate"],
  ["/gate/board", "board"],
  ["/docs", "docs"],
  ["/openapi.json", "openapi"],
  ["/.well-known/guichet-keys.json", "keys"],
  ["/health/ready", "ready"]
] as const

/** The front page in the reader's language. */
export const frontPage = (locale: Locale) => {
  const said = words[locale]
  return document({
    locale,
    title: said.title,
    scripts: "none",
    body: template`
      <main>
        <h1>${said.title}</h1>
        <p>${said.what}</p>
        <ul class="links">${
      places.map(([address, name]) => {
        const [title, more] = said[name]
        return template`<li class="card"><a href="${address}">${title}</a><span>${more}</span></li>`
      })
    }</ul>
      </main>
    `
  }, true)
}
