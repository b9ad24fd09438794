// A page that hears what is new. Parts come rendered; each takes the place of the one with its id, unless somebody is at
// work in it, and lines of a timeline go where their time puts them. While the page is hidden it does not listen.
const page = document.querySelector("[data-live]");
let source = null;

function swap(part) {
  const old = document.getElementById(part.id);
  if (!old || old.contains(document.activeElement) || old.querySelector("details[open]")) return;
  old.replaceWith(part);
  settle(part);
  // Whose it is has changed: if the story was read, it is told again.
  if (part.id === "held") document.querySelector("#told > .story")?.parentElement.dispatchEvent(new Event("knownas:stale"));
}

function settle(part) {
  window.htmx?.process(part);
  part.dispatchEvent(new CustomEvent("knownas:swapped", { bubbles: true }));
}

// Newest first. What is older than all that is shown comes with the older ones.
function place(line, list) {
  if (document.getElementById(line.id)) return false;
  const next = [...list.querySelectorAll(".line")].find((other) => other.dataset.order < line.dataset.order);
  if (!next && list.querySelector("[data-older]")) return false;
  list.insertBefore(line, next ?? null);
  line.classList.add("fresh");
  settle(line);
  return true;
}

function take(html) {
  const came = document.createElement("template");
  came.innerHTML = html;
  const lines = came.content.querySelector("[data-lines]");
  lines?.remove();
  for (const part of [...came.content.children]) swap(part);
  const list = document.getElementById("lines");
  const same = lines && list && lines.dataset.only === document.getElementById("timeline").dataset.only;
  const fresh = same ? [...lines.querySelectorAll(".line")].filter((line) => place(line, list)) : [];
  if (fresh.length) document.getElementById("news").textContent = `New: ${fresh.map((line) => line.querySelector("b").textContent).join(", ")}`;
}

function address() {
  const url = new URL(page.dataset.live, location.href);
  const [head, timeline] = ["head", "timeline"].map((id) => document.getElementById(id));
  if (head) url.searchParams.set("version", head.dataset.version ?? "0");
  if (timeline) url.searchParams.set("only", timeline.dataset.only);
  return url;
}

function listen() {
  source?.close();
  source = document.hidden ? null : new EventSource(address());
  source?.addEventListener("changed", (event) => take(event.data));
  source?.addEventListener("open", () => page.classList.add("is-live"));
  source?.addEventListener("error", () => page.classList.remove("is-live"));
}

if (page) {
  document.addEventListener("visibilitychange", listen);
  window.addEventListener("pagehide", () => source?.close());
  document.body.addEventListener("htmx:afterSettle", (event) => event.target.id === "timeline" && listen());
  listen();
}
