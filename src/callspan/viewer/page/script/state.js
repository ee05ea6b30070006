// The state: one object, and one way to change it.

const st = {
  t: null, s: null, view: 'timeline', density: 'all', closed: new Set(), zoom: null, q: '', hits: new Set(), base: null,
  crit: true, theme: null,
};
let rows = []; // what the timeline shows: spans, or pairs of the comparison
const VIEWS = ['timeline', 'transcript', 'compare'];
const DENSITIES = { all: ['All', 'every span', []], steps: ['Steps', 'without chains and HTTP', ['chain', 'http']],
  calls: ['Calls', 'agents, models, tools, retrievers', ['chain', 'http', 'node', 'embedding', 'other']] };

const opening = (t) => (t.state === 'failed' && t.errors[0]) || t.root;

function go(change) {
  const was = { ...st };
  Object.assign(st, change);
  if (st.t !== was.t) {
    if (st.base === st.t) st.base = null;
    if (!('closed' in change)) st.closed = new Set();
    if (!('zoom' in change)) st.zoom = null;
    if (!change.s) st.s = opening(st.t);
    if (st.q) search(st.q);
  }
  if (st.view === 'compare' && !st.base) st.view = 'timeline';
  let unfolded = false;
  if (st.s !== was.s) for (let p = st.s.up; p; p = p.up) unfolded = st.closed.delete(p) || unfolded;
  redraw(was, unfolded || 'closed' in change || 'zoom' in change);
  keepPlace();
}
function redraw(was, again) {
  const other = st.t !== was.t;
  const compared = st.base !== was.base;
  const viewed = st.view !== was.view;
  if (other || compared) {
    drawRuns();
    drawSummary();
  }
  if (other || compared || viewed || again || st.crit !== was.crit) drawTabs();
  if (other || compared || viewed || again || st.density !== was.density || st.crit !== was.crit || st.q !== was.q) layout();
  else paint(true);
  if (st.view === 'transcript' && (other || viewed)) drawTranscript();
  if (other || st.s !== was.s || viewed) {
    drawInspector();
    if (st.view === 'transcript') revealItem();
    else reveal();
  }
}
const show = (link) => { const s = found(link); if (s) go({ t: s.t, s }); };

// The place stands in the address, so that a reload and a shared link keep it.
let placing = 0;
let placed = ''; // what was written there last
function place(themed) {
  const p = new URLSearchParams({ trace: st.t.id, span: st.s.id, view: st.view });
  if (st.base) p.set('base', st.base.id);
  if (st.density !== 'all') p.set('detail', st.density);
  if (st.q) p.set('q', st.q);
  if (st.zoom) p.set('zoom', st.zoom.map(Math.round).join('-'));
  if (!st.crit) p.set('path', 'off');
  if (themed && st.theme) p.set('theme', st.theme);
  return '#' + p;
}
// Browsers refuse more than some hundred changes of the address in a row, so a held key writes it once.
function keepPlace() {
  placing ||= setTimeout(() => {
    placing = 0;
    placed = place(true);
    if (location.hash !== placed && location.protocol !== 'about:') location.replace(placed); // a notebook's frame has none
  }, 60);
}
function fromPlace() {
  const p = new URLSearchParams(location.hash.slice(1));
  const s = found({ trace: p.get('trace'), span: p.get('span') }) || (p.get('span') && found({ span: p.get('span') }));
  const t = s?.t || traceById(p.get('trace')) || DATA.traces[0];
  const zoomed = (p.get('zoom') || '').match(/^(\d+)-(\d+)$/);
  if (/^(light|dark)$/.test(p.get('theme'))) setTheme(p.get('theme'));
  return {
    t,
    s: s || opening(t),
    view: VIEWS.includes(p.get('view')) ? p.get('view') : 'timeline',
    base: traceById(p.get('base')) || null,
    density: Object.hasOwn(DENSITIES, p.get('detail') || '') ? p.get('detail') : 'all',
    zoom: zoomed && zoomed[2] - zoomed[1] > 500 ? [+zoomed[1], +zoomed[2]] : null,
    crit: p.get('path') !== 'off',
    q: (p.get('q') || '').slice(0, 500),
  };
}
function setTheme(theme) {
  st.theme = theme;
  document.documentElement.dataset.theme = theme;
}
