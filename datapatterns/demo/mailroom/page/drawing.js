// Elements and small charts. All content is inserted as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";
const DRAWN = new Set(["svg", "g", "path", "rect", "line", "text", "title"]);

/** An element with attributes and children; an attribute of null or false is left out. */
export function el(tag, attributes = {}, ...children) {
  const node = DRAWN.has(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.map((child) => (child instanceof Node ? child : String(child))));
  return node;
}

/** Bars over a series of [key, count], labelled at both ends. */
export function bars(series, label) {
  const [width, height, floor] = [320, 96, 78];
  const most = Math.max(1, ...series.map(([, count]) => count));
  const step = width / series.length;
  const drawing = el("svg", {
    viewBox: `0 0 ${width} ${height}`,
    role: "img",
    "aria-label": `${label}: at most ${most}`,
  });
  drawing.append(el("line", { class: "grid", x1: 0, x2: width, y1: floor + 0.5, y2: floor + 0.5 }));
  series.forEach(([key, count], index) => {
    const tall = count ? Math.max(3, (count / most) * (floor - 16)) : 1.5;
    drawing.append(
      el("rect", {
        class: count ? "bar" : "bar none",
        x: index * step + step * 0.14,
        y: floor - tall,
        width: step * 0.72,
        height: tall,
        rx: Math.min(2.5, tall / 2),
      }, el("title", {}, `${key}: ${count}`)),
    );
    if (count === most) {
      const anchor = index * step > width * 0.8 ? "end" : "middle";
      const x = anchor === "end" ? (index + 1) * step : (index + 0.5) * step;
      const top = el("text", { x, y: floor - tall - 4, "text-anchor": anchor }, count);
      if (!drawing.querySelector(".top")) drawing.append(el("g", { class: "top" }, top));
    }
  });
  const [first, last] = [series[0][0], series.at(-1)[0]].map(short);
  drawing.append(
    el("text", { x: 0, y: height - 4 }, first),
    el("text", { x: width, y: height - 4, "text-anchor": "end" }, last),
  );
  return drawing;
}

/** "2014-01-15T09" as "09:00", "2014-01-15" as "15 Jan". */
function short(key) {
  if (key.includes("T")) return `${key.slice(11)}:00 UTC`;
  const day = new Date(`${key}T00:00:00Z`);
  return day.toLocaleDateString("en-GB", { day: "numeric", month: "short", timeZone: "UTC" });
}

/** A single bar, as long as its part of the whole. */
export function part(count, most, kind = "") {
  const long = count ? Math.max(3, (count / Math.max(1, most)) * 120) : 0;
  return el("svg", { viewBox: "0 0 120 8", preserveAspectRatio: "none", "aria-hidden": "true" },
    el("rect", { class: "rail", width: 120, height: 8, rx: 4 }),
    el("rect", { class: `bar ${kind}`, width: long, height: 8, rx: 4 }));
}

/** Half a ring that is as full as the quota. */
export function gauge(remaining, limit) {
  const round = Math.PI * 80;
  const path = "M 20 100 A 80 80 0 0 1 180 100";
  return el("svg", { viewBox: "0 0 200 116", role: "img",
    "aria-label": `${remaining} of ${limit} requests left` },
    el("path", { class: "rail", d: path }),
    el("path", { class: "level", d: path, "stroke-dasharray": round,
      "stroke-dashoffset": round * (1 - remaining / limit),
      visibility: remaining ? "visible" : "hidden" }),
    el("text", { class: "number", x: 100, y: 92, "text-anchor": "middle" }, remaining),
    el("text", { x: 100, y: 112, "text-anchor": "middle" }, `of ${limit} left`));
}

/** "AL" for Ada Lovelace. */
export function initials(name) {
  return name.split(/\s+/).map((word) => word[0]).slice(0, 2).join("").toUpperCase();
}

/** The time of day if it was today, else the day. */
export function when(at) {
  const date = new Date(at);
  const today = date.toDateString() === new Date().toDateString();
  return today
    ? date.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" })
    : date.toLocaleDateString("en-GB", { day: "numeric", month: "short" });
}
