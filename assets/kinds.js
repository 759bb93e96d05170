// What each kind of alert means, from the detector catalogue, in the language of the page. Lists need titles only; the
// texts come when somebody reads an alert.

import { get } from "./api.js";
import { lang } from "./i18n.js";

let kinds = new Map();
// What is being asked for or was got: in which language, and whether with texts.
let asked = null;

function load(texts) {
  if (asked?.lang === lang() && (asked.texts || !texts)) return asked.done;
  const mine = { lang: lang(), texts };
  asked = mine;
  mine.done = get(`/api/kinds?lang=${mine.lang}${texts ? "" : "&texts=no"}`).then(
    (answer) => {
      if (asked === mine) kinds = new Map((answer?.kinds ?? []).map((k) => [k.id, k]));
    },
    () => {
      if (asked === mine) asked = null;
    },
  );
  return mine.done;
}

/** Loads titles once per language; never fails, an unknown kind merely has none. */
export const loadKinds = () => load(false);

/** The same with texts and settings. */
export const loadTexts = () => load(true);

/** Forgets the catalogue (after a log-out). */
export const forgetKinds = () => {
  asked = null;
  kinds = new Map();
};

/** The catalogue's entry, or `undefined`. */
export const kind = (id) => kinds.get(id);

/** All entries. */
export const allKinds = () => [...kinds.values()];

/** The title people read; the id with spaces while there is none. */
export function kindTitle(id) {
  const words = String(id).replaceAll("_", " ");
  return kinds.get(id)?.title ?? words.charAt(0).toUpperCase() + words.slice(1);
}
