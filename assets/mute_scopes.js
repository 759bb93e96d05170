// What a mute made from an alert may cover, in words and as a filter that tells what it would have hidden.

import { deviceOf } from "./filter.js";
import { t } from "./i18n.js";
import { kindTitle } from "./kinds.js";
import { partyName } from "./parts.js";

/** Kinds that only a mute of kind and party hides, beside everything critical. */
const PROTECTED = ["feed_match", "arp_spoof"];

// By station where one is known, so that a mute follows the device when its address changes.
const handle = (party) => party?.mac ?? party?.ip ?? null;

/** `{ id, label, mute: { kind, source, target } }`, the narrowest that usually fits first. */
export function scopes(alert) {
  const [kind, source, target] = [alert.kind, handle(alert.source), handle(alert.target)];
  const names = {
    kind: kindTitle(kind),
    source: partyName(alert.source),
    target: partyName(alert.target),
  };
  const all = [
    ["kind_source", { kind, source }],
    ["kind_pair", { kind, source, target }],
    ["kind_target", { kind, target }],
    ["source", { source }],
    ["target", { target }],
    ["pair", { source, target }],
    ["kind", { kind }],
  ];
  return all
    .filter(([, mute]) => Object.values(mute).every(Boolean))
    .map(([id, mute]) => ({ id, label: t(`scope.${id}`, names), mute }));
}

/** Whether it is too broad to hide what must be heard. */
export const isBroad = ({ kind, source, target }) => !(kind && (source || target));

/** Whether this alert is one that broad mutes leave alone. */
export const isProtected = (alert) => alert.severity === "critical" || PROTECTED.includes(alert.kind);

/** The filter for what it would hide. */
export function coveredBy(mute) {
  const addresses = (value) => deviceOf(value)?.macs.join(",") || value;
  const terms = [
    mute.kind && `kind:${mute.kind}`,
    mute.source && `src:${addresses(mute.source)}`,
    mute.target && `dst:${addresses(mute.target)}`,
    mute.port && `port:${mute.port}`,
    isBroad(mute) && `-sev:critical -kind:${PROTECTED.join(",")}`,
  ];
  return terms.filter(Boolean).join(" ");
}

/** What it hides, in words: `Port scan, from Printer, to 10.0.0.9`. */
export function muteWords({ kind, source, target, port }) {
  const called = (value) => deviceOf(value)?.label ?? value;
  return [
    kind ? kindTitle(kind) : t("mutes.any"),
    source && `${t("from")} ${called(source)}`,
    target && `${t("towards")} ${called(target)}`,
    port && `${t("port")} ${port}`,
  ]
    .filter(Boolean)
    .join(", ");
}

/** The alerts that a mute is about, as a page. */
export const mutePage = (mute) => `/alerts?state=all&q=${encodeURIComponent(coveredBy(mute))}`;
