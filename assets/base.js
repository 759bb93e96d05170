// Where the dashboard is: at the top of its host, or below a path that a reverse proxy has it at. All other modules
// write addresses as if it were at the top ("/alerts"); here they are translated.

const BASE = new URL(document.baseURI).pathname;

/** The browser's address of "/x" of the dashboard; anything else stays as it is. */
export const below = (path) => (path.startsWith("/") ? BASE + path.slice(1) : path);

/** "/x" of the dashboard for a path of the browser; `null` for one that is not below the dashboard. */
export const inside = (path) => (`${path}/` === BASE ? "/" : path.startsWith(BASE) ? `/${path.slice(BASE.length)}` : null);

/** "/x" of the page in the address bar. */
export const here = () => inside(location.pathname) ?? location.pathname;
