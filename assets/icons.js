// Drawn signs: navigation, kinds of devices, severities. Stroked paths on a 24 x 24 field.

import { svg } from "./dom.js";

const PATHS = {
  overview: "M4 13h6V4H4zM14 20h6V11h-6zM14 7h6V4h-6zM4 20h6v-3H4z",
  alerts: "M12 3a6 6 0 0 0-6 6v4l-2 4h16l-2-4V9a6 6 0 0 0-6-6zM10 20.5h4",
  devices: "M3 5h13v9H3zM1.5 17.5h13M18 9h4v11h-5v-3",
  health: "M2.5 12h4l3-7 5 14 3-7h4",
  settings: "M4 7h9M17 7h3M4 17h3M11 17h9M15 4.5v5M9 14.5v5",
  search: "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM16 16l4.5 4.5",
  theme: "M12 3.5a8.5 8.5 0 1 0 0 17zM12 3.5a8.5 8.5 0 0 1 0 17",
  close: "M6 6l12 12M18 6L6 18",
  check: "M5 12.5l4.5 4.5L19 7.5",
  mute: "M4 9.5v5h3.5L12 18V6L7.5 9.5zM16 9.5l5 5M21 9.5l-5 5",
  person: "M12 4a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM4.5 20.5a7.5 7.5 0 0 1 15 0",
  arrow: "M5 12h14M13 6l6 6-6 6",
  router: "M4 13h16v6H4zM8 16h.01M12 16h.01M12 13V9M8.5 6.5a5 5 0 0 1 7 0",
  phone: "M8 3h8v18H8zM11 18h2",
  tablet: "M5 3h14v18H5zM11 18h2",
  laptop: "M5 5h14v10H5zM2.5 19h19",
  computer: "M3 4h18v12H3zM9 20h6M12 16v4",
  tv: "M3 6h18v12H3zM8 21h8",
  printer: "M7 9V4h10v5M7 17H4V9h16v8h-3M7 14h10v6H7z",
  camera: "M4 7h4l2-2.5h4L16 7h4v12H4zM12 10a3 3 0 1 0 0 6 3 3 0 0 0 0-6z",
  nas: "M5 3h14v18H5zM5 9h14M5 15h14M15.5 6h.01M15.5 12h.01M15.5 18h.01",
  server: "M4 4h16v7H4zM4 13h16v7H4zM8 7.5h.01M8 16.5h.01",
  speaker: "M7 3h10v18H7zM12 11.5a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM12 7h.01",
  console: "M7 8h10a5 5 0 0 1 0 10c-2 0-3-2-5-2s-3 2-5 2A5 5 0 0 1 7 8zM7 11.5v3M5.5 13h3M16.5 13h.01",
  light: "M9 17a6 6 0 1 1 6 0v2H9zM10 22h4",
  plug: "M9 3v5M15 3v5M6 8h12v3a6 6 0 0 1-12 0zM12 17v4",
  access_point: "M12 14v6M8 20h8M12 12h.01M8.5 9a5 5 0 0 1 7 0M6 6.5a8.5 8.5 0 0 1 12 0",
  switch: "M3 8h18v8H3zM7 12h.01M11 12h.01M15 12h2",
  thermostat: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 8v4l2.5 2.5",
  voip: "M6 3h5v6H6zM6 15h5v6H6zM6 9v6M14 5h4v14h-4z",
  watch: "M8 7h8v10H8zM9.5 7L10 3h4l.5 4M9.5 17l.5 4h4l.5-4",
  iot: "M8 8h8v8H8zM10 4v4M14 4v4M10 16v4M14 16v4M4 10h4M4 14h4M16 10h4M16 14h4",
  unknown:
    "M12 3.5a8.5 8.5 0 1 0 0 17 8.5 8.5 0 0 0 0-17zM9.5 9.5a2.5 2.5 0 1 1 3.5 2.3c-.7.3-1 .8-1 1.7M12 16.5h.01",
};

// Shapes that differ without colour: octagon, triangle, diamond, ring.
const MARKS = {
  critical: "M8 3h8l5 5v8l-5 5H8l-5-5V8z",
  high: "M12 3.5L22 20H2z",
  medium: "M12 2.5l9.5 9.5-9.5 9.5L2.5 12z",
  low: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16z",
  quiet: "M12 2.5a9.5 9.5 0 1 0 0 19 9.5 9.5 0 0 0 0-19z",
};
const SIGNS = {
  critical: "M12 7.5v5.5M12 16.5v.01",
  high: "M12 10v4.5M12 17.2v.01",
  medium: "M12 8v4.5M12 15.8v.01",
  low: "M12 11v5M12 8v.01",
  quiet: "M7.5 12.5l3 3 6-6.5",
};

/** A line drawing; `unknown` for a name that has none. */
export function icon(name, className = "icon") {
  const path = svg("path", { d: Object.hasOwn(PATHS, name) ? PATHS[name] : PATHS.unknown });
  return svg("svg", { viewBox: "0 0 24 24", class: className, "aria-hidden": "true", focusable: "false" }, path);
}

/** The mark of a severity, or of `quiet`: shape, sign and colour. */
export function mark(severity) {
  const known = Object.hasOwn(MARKS, severity) ? severity : "low";
  return svg(
    "svg",
    { viewBox: "0 0 24 24", class: `mark ${known}`, "aria-hidden": "true", focusable: "false" },
    svg("path", { d: MARKS[known], class: "shape" }),
    svg("path", { d: SIGNS[known], class: "sign" }),
  );
}
