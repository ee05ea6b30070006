// The minimap: the work itself, packed into lanes, so that what ran at the same time lies below each other.

const MINI = 34;

function drawMini() {
  const canvas = $('mini');
  const width = canvas.clientWidth;
  if (!width) return;
  const dense = window.devicePixelRatio || 1;
  canvas.width = width * dense;
  canvas.height = MINI * dense;
  const x = canvas.getContext('2d');
  x.scale(dense, dense);
  const colour = colours();
  const lanes = [];
  const packed = st.t.spans.filter(isWork).map((s) => [s, laneFor(s, lanes)]);
  const tall = Math.min(9, 26 / (lanes.length || 1));
  const pad = (MINI - tall * lanes.length) / 2;
  for (const [s, n] of packed) {
    x.fillStyle = s.rank ? colour.err : colour[s.kind];
    x.fillRect(s.start / st.t.end * width, pad + n * tall, Math.max(1, (stopOf(s) - s.start) / st.t.end * width), tall - (tall > 4 ? 2 : 0.6));
  }
  if (!st.zoom) return;
  x.globalAlpha = 0.16;
  x.fillStyle = colour.accent;
  x.fillRect(st.zoom[0] / st.t.end * width, 0, (st.zoom[1] - st.zoom[0]) / st.t.end * width, MINI);
}
const isWork = (s) => s.kind !== 'http' && s.kind !== 'chain'
  && (['tool', 'retriever'].includes(s.kind) || s.kids.every((k) => k.kind === 'http'));
function laneFor(s, lanes) {
  let n = lanes.findIndex((end) => end <= s.start);
  if (n < 0) n = lanes.length < 8 ? lanes.push(0) - 1 : 7;
  lanes[n] = s.stop;
  return n;
}
// Colours that depend on light or dark must be resolved by an element.
function colours() {
  const probe = h('i');
  const found = {};
  document.body.append(probe);
  for (const k of [...Object.keys(KINDS), 'err', 'accent']) {
    probe.style.color = `var(--${Object.hasOwn(KINDS, k) ? 'k-' : ''}${k})`;
    found[k] = getComputedStyle(probe).color;
  }
  probe.remove();
  return found;
}
