// Find People: edits are swapped in place without taking the field away in which somebody types, and focus goes where
// one goes on. Without script the same form is sent by its buttons.

const morphing = {
  morphStyle: "outerHTML",
  ignoreActiveValue: true,
  callbacks: { beforeAttributeUpdated: (name) => name !== "open" }, // what is open stays open
};

htmx.defineExtension("morph", {
  isInlineSwap: (style) => style === "morph",
  handleSwap: (style, target, fragment) => style === "morph" && Idiomorph.morph(target, fragment.children, morphing),
});

// Who types on while an answer is under way wants the answer to what they type next.
document.addEventListener("input", (event) => {
  if (event.target.form?.id === "ask" || event.target.id === "q-line") htmx.trigger("#ask", "htmx:abort");
});

let pressed = null;
document.addEventListener("htmx:beforeRequest", (event) => {
  const button = event.detail.elt.closest("button[name=do]");
  pressed = button && { value: button.value };
});

function focusAfter({ value }) {
  const [act, path] = value.split(":");
  const place = document.getElementById(path);
  if (act === "add" || act === "group") {
    const added = place?.querySelector(":scope > .group-of > :last-child");
    added?.querySelector(".name, .cond-main select:not(.what), input")?.focus();
  } else if (act === "test") {
    place?.querySelector(":scope > .where:last-of-type .name")?.focus();
  } else {
    const group = document.getElementById(path.replace(/\.\d+$/, "")) ?? document.getElementById("q");
    (place ?? group)?.querySelector("select")?.focus();
  }
}

document.addEventListener("htmx:afterSettle", () => {
  htmx.trigger("#finder", "knownas:swapped");
  if (pressed) focusAfter(pressed);
  pressed = null;
});
