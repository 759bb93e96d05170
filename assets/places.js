// Where outside addresses are and whose, as far as the owner's files say. Asked once per address; never again when there
// are no such files.

import { get, query } from "./api.js";

const KEPT = 500;
const AT_ONCE = 50;
const known = new Map();
let enabled = true;

const words = (place) =>
  [place.city, place.country, place.as_name ?? (place.as_number && `AS${place.as_number}`)].filter(Boolean).join(", ");

/** The words for an address, or "" when nothing is known. */
export async function placeOf(ip) {
  if (!enabled || !ip) return "";
  if (!known.has(ip)) {
    if (known.size >= KEPT) known.clear();
    known.set(ip, ask(ip));
  }
  return known.get(ip);
}

// What is asked for in one turn is one request, as far as the monitor answers at once.
let batch = null;

function ask(ip) {
  if (!batch || batch.ips.length === AT_ONCE) {
    const ips = [];
    batch = { ips, answer: new Promise((turn) => setTimeout(turn)).then(() => send(ips)) };
  }
  batch.ips.push(ip);
  return batch.answer.then(
    ({ places }) => (places[ip] ? words(places[ip]) : ""),
    () => {
      known.delete(ip);
      return "";
    },
  );
}

async function send(ips) {
  if (batch?.ips === ips) batch = null;
  const answer = await get(`/api/places${query({ ip: ips.join(",") })}`);
  enabled = answer.enabled;
  return answer;
}
