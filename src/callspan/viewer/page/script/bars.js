// Bars in the lane of a row, the axis above, and the line from a cause to the selected span.

const shownTime = () => st.zoom || [0, st.view === 'compare' ? Math.max(st.t.end, st.base.end) : st.t.end];
const pct = (us) => { const [a, b] = shownTime(); return (us - a) / (b - a) * 100; };
const stopOf = (s) => (s.dur == null ? s.t.end : s.stop);

// A bar from a to b, cut to the zoom; nothing if it is outside.
function bar(classes, a, b, colour) {
  const from = pct(a);
  const to = pct(b);
  if (to < 0 || from > 100) return null;
  const left = clamp(from, 0, 100);
  return el('i.b' + classes, { style: { left: left + '%', width: clamp(to, 0, 100) - left + '%', '--c': colour } });
}
function bars(s) {
  const colour = s.rank === 'origin' && s.kind !== 'agent' ? 'var(--err)' : `var(--k-${s.kind})`;
  const stop = stopOf(s);
  if (s.kind === 'llm' && s.ttft && pct(stop) - pct(s.start) > 3) {
    const first = Math.min(s.start + s.ttft, stop);
    return [bar('.wait', s.start, first, colour), bar('.gen', first, stop, colour)];
  }
  const thin = CONTAINERS.includes(s.kind) && s.kids.length;
  return [bar((s.dur == null ? '.open' : '') + (s.rank === 'handled' ? '.handled' : '') + (thin ? '.thin' : ''), s.start, stop, colour)];
}
function criticalBars(s) {
  const [a, b] = shownTime();
  return (s.path || []).filter((p) => p[1] - p[0] > (b - a) * 0.006).slice(0, 200).map((p) => bar('.crit', p[0], p[1]));
}
// The text stands right of the bar, in a margin that the scale leaves free.
function label(text, a, b) {
  const to = pct(b);
  return to < 0 || pct(a) > 100 ? null : el('span.lab', { style: { left: clamp(to, 0, 100) + '%' } }, text);
}

const ROUND = [10, 15, 20, 30, 60, 120, 300, 600, 1200, 3600, 7200, 21600, 86400].map((x) => x * 1e6);
function tickStep(length, width) {
  const raw = length / clamp(width / 46, 2, 12);
  if (raw > 5e6) return ROUND.find((x) => x >= raw) || raw;
  const power = 10 ** Math.floor(Math.log10(raw));
  return [1, 2, 5, 10].find((m) => m * power >= raw) * power;
}
let guidesFit = 10; // how many lines of nesting leave room for a name
function drawAxis() {
  const [a, b] = shownTime();
  const width = $('ticks').clientWidth;
  const step = tickStep(b - a, width);
  const first = Math.ceil(a / step) * step;
  const ticks = [];
  for (let v = first; v < b - 26 / width * (b - a) && ticks.length < 50; v += step) ticks.push(el('span', { style: { left: pct(v) + '%' } }, tickText(v)));
  fill($('ticks'), ticks);
  style(list, { '--gx': step / (b - a) * width + 'px', '--g0': pct(first) / 100 * width + 'px' });
  $('axis').style.setProperty('--sbw', list.offsetWidth - list.clientWidth + 'px');
  const names = $('axis').firstChild.offsetWidth;
  guidesFit = Math.max(3, Math.floor((names - 130) / 16));
  $('split').setAttribute('aria-valuenow', names);
  drawMini();
}
const tickText = (v) => (v ? time(Math.round(v)).replace(/(\.\d*?)0+(?= )/, '$1').replace('. ', ' ').replace(/ 0 [sm]$/, '') : '0');

// A line from the end of the cause to the start of the selected span.
function wire() {
  sizer.querySelector('.wire')?.remove();
  const lane = sizer.querySelector('.lane');
  if (st.view !== 'timeline' || !lane) return;
  const from = causeOf(st.s);
  if (!from || from.t !== st.t || !(from.at >= 0) || !(st.s.at >= 0)) return;
  const X = (us) => lane.offsetLeft + clamp(pct(us), 0, 100) / 100 * lane.clientWidth;
  const [a, b] = [X(from.stop), X(st.s.start)];
  const [y1, y2] = [from.at * ROW + 14, st.s.at * ROW + 14];
  const line = svg('svg', { class: 'wire', 'aria-hidden': 'true' },
    svg('path', { d: `M${a},${y1} C${a + 14},${y1} ${b - 22},${y2} ${b - 2},${y2}` }),
    svg('circle', { cx: b - 2, cy: y2, r: 2.5 }));
  line.style.inset = '0';
  sizer.append(line);
}
function causeOf(s) {
  const links = s.links || [];
  const link = ['retry of', 'asked by', 'instead of', 'resumes'].map((why) => links.find((l) => l.why === why)).find(Boolean) || links[0];
  return link && found(link);
}
function zoom(z) {
  go({ zoom: z && z[1] - z[0] > 500 ? z : null });
}
