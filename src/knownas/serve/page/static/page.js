// What every page does: times in the reader's zone, and a word where something did not work. Everything works without.

const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
const day = { year: "numeric", month: "short", day: "numeric" };
const clock = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
const forms = {
  full: new Intl.DateTimeFormat("en-GB", { ...day, ...clock, second: "2-digit" }),
  minute: new Intl.DateTimeFormat("en-GB", { ...day, ...clock }),
  date: new Intl.DateTimeFormat("en-GB", day),
  clock: new Intl.DateTimeFormat("en-GB", { ...clock, second: "2-digit" }),
};

function tellTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    time.textContent = (forms[time.dataset.form] ?? forms.full).format(at);
    time.title = `${forms.full.format(at)} (${zone}), ${time.dateTime}`;
  }
}

function tellTrouble(text) {
  const where = document.getElementById("trouble");
  where.textContent = text;
  where.hidden = !text;
}

function wordsOf(xhr) {
  const said = new DOMParser().parseFromString(xhr.responseText, "text/html").getElementById("what");
  return said?.textContent || "That did not work. Load the page again.";
}

for (const where of document.querySelectorAll("[data-zone]")) where.textContent = zone;
tellTimes(document);
document.body.addEventListener("htmx:load", (event) => tellTimes(event.detail.elt.parentNode ?? document));
document.body.addEventListener("knownas:swapped", (event) => tellTimes(event.target.parentNode ?? document));
document.body.addEventListener("htmx:responseError", (event) => tellTrouble(wordsOf(event.detail.xhr)));
document.body.addEventListener("htmx:sendError", () => tellTrouble("The gateway cannot be reached."));
document.body.addEventListener("htmx:afterRequest", (event) => event.detail.successful && tellTrouble(""));
