// Charts: bars of what is in `data-chart`, stacked, in the colours of the page; drawn anew when resized or swapped in.
const LEGEND = 30;
const LOW = 120;
const forms = {
  day: { axis: "{D} {MMM}", legend: "{D} {MMM} {YYYY}", label: "Day", zone: "Etc/UTC" },
  minute: { axis: "{HH}:{mm}", legend: "{HH}:{mm}", label: "Minute", zone: Intl.DateTimeFormat().resolvedOptions().timeZone },
};
const drawn = new WeakMap();
const watch = new ResizeObserver((some) => some.forEach(({ target }) => drawn.get(target)?.setSize(sizeOf(target))));

function colour(name, where) {
  return getComputedStyle(where).getPropertyValue(name).trim();
}

function sizeOf(figure) {
  return { width: figure.clientWidth, height: figure.clientHeight - (figure.clientHeight > LOW ? LEGEND : 0) };
}

// Each part stands on the ones before it, so the last is drawn first, behind the others.
function stacked(parts) {
  const tops = [];
  for (const part of parts) tops.push(part.values.map((value, at) => value + (tops.at(-1)?.[at] ?? 0)));
  return parts.map((part, place) => ({ ...part, tops: tops[place] })).reverse();
}

function axesOf(figure, form) {
  const common = { stroke: colour("--quiet", figure), font: `12px ${colour("--sans", figure)}`, ticks: { show: false } };
  const grid = { stroke: colour("--line", figure), width: 1 };
  const whole = [1, 2, 5].flatMap((one) => [1, 10, 100, 1e3, 1e4, 1e5, 1e6].map((ten) => one * ten)).sort((a, b) => a - b);
  return [{ ...common, grid: { show: false }, values: form.axis, space: 80, size: 26 }, { ...common, grid, size: 44, incrs: whole }];
}

function draw(figure) {
  drawn.get(figure)?.destroy();
  const { at, every, parts } = JSON.parse(figure.dataset.chart);
  const form = forms[every], shown = stacked(parts), paths = uPlot.paths.bars({ size: [0.75, 40] });
  const chart = new uPlot({
    ...sizeOf(figure), padding: [8, 18, 0, 0],
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), form.zone),
    scales: { y: { range: (_, __, most) => [0, Math.max(4, (most ?? 0) * 1.1)] } },
    cursor: { drag: { x: false, y: false }, points: { show: false }, y: false },
    legend: { show: figure.clientHeight > LOW },
    axes: axesOf(figure, form),
    series: [{ value: form.legend, label: form.label }, ...shown.map(({ label, colour: name, values }) => {
      const fill = colour(name, figure);
      return { label, fill, stroke: fill, width: 0, paths, points: { show: false }, value: (_, __, ___, place) => values[place] ?? "" };
    })],
  }, [at, ...shown.map(({ tops }) => tops)], figure);
  drawn.set(figure, chart);
  watch.observe(figure);
}

function drawAll(root) {
  root.querySelectorAll("[data-chart]").forEach(draw);
}

drawAll(document);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => drawAll(document));
document.body.addEventListener("knownas:swapped", (event) => drawAll(event.target));
