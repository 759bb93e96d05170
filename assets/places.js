// Where outside addresses are and whose, as far as the owner's files say. Asked once per address; never again when there
// are no such files.

import { get, query } from "./api.js";

const KEPT = 500;
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

async function ask(ip) {
  try {
    const answer = await get(`/api/places${query({ ip })}`);
    enabled = answer.enabled;
    return answer.places[ip] ? words(answer.places[ip]) : "";
  } catch {
    known.delete(ip);
    return "";
  }
}
