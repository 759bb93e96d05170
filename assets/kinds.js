// What each kind of alert means, from the detector catalogue, in the language of the page.

import { get } from "./api.js";
import { lang } from "./i18n.js";

let loaded = "";
let loading = null;
let kinds = new Map();

/** Loads the catalogue once per language; never fails, an unknown kind merely has no texts. */
export function loadKinds() {
  if (loaded === lang() && loading) return loading;
  loaded = lang();
  loading = get(`/api/kinds?lang=${loaded}`)
    .then((answer) => {
      kinds = new Map((answer?.kinds ?? []).map((k) => [k.id, k]));
    })
    .catch(() => {
      loading = null;
    });
  return loading;
}

/** Forgets the catalogue (after a log-out). */
export const forgetKinds = () => {
  loading = null;
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
