// The timeline: one virtual list, in which only the rows on the screen exist.

const ROW = 28;
const list = $('rows');
const sizer = el('div.sizer', { role: 'presentation' });
list.append(sizer);
const drawn = new Map();

function layout() {
  rows = st.view === 'compare' ? comparedRows() : visibleSpans();
  sizer.style.height = rows.length * ROW + 'px';
  $('timeline').classList.toggle('cmp', st.view === 'compare');
  drawAxis();
  paint(true);
}
// Spans of a hidden kind leave their children to the one above.
function visibleSpans() {
  const hide = new Set(DENSITIES[st.density][2]);
  const seen = [];
  for (const s of st.t.spans) s.at = -1;
  for (let i = 0; i < st.t.spans.length;) {
    const s = st.t.spans[i];
    s.level = s.up ? s.up.level + (s.up.gone ? 0 : 1) : 0;
    s.gone = s.depth > 0 && hide.has(s.kind);
    if (!s.gone) s.at = seen.push(s) - 1;
    i = st.closed.has(s) ? s.last : i + 1;
  }
  return seen;
}
function paint(anew) {
  if (anew) {
    drawn.clear();
    sizer.replaceChildren();
  }
  const a = Math.max(0, Math.floor(list.scrollTop / ROW) - 6);
  const b = Math.min(rows.length, Math.ceil((list.scrollTop + list.clientHeight) / ROW) + 6);
  for (const [i, node] of drawn) if (i < a || i >= b) {
    node.remove();
    drawn.delete(i);
  }
  const made = document.createDocumentFragment();
  for (let i = a; i < b; i++) if (!drawn.has(i)) {
    const node = st.view === 'compare' ? pairRow(rows[i], i) : spanRow(rows[i], i);
    drawn.set(i, node);
    made.append(node);
  }
  sizer.append(made);
  wire();
}
const RANKS = { origin: ', error', passed: ', error from below', handled: ', handled error' };

function spanRow(s, i) {
  const open = !st.closed.has(s);
  const found = st.q ? (st.hits.has(s) ? '.hit' : '.dim') : '';
  return el('div.row' + (s === st.s ? '.sel' : '') + (s.rank ? '.e-' + s.rank : '') + found, {
    role: 'treeitem', id: 'r' + i, 'data-k': s.kind, 'aria-level': s.level + 1, 'aria-selected': s === st.s,
    'aria-expanded': s.kids.length ? open : null, 'aria-posinset': s.pos || 1, 'aria-setsize': s.up ? s.up.kids.length : st.t.roots.length,
    'aria-label': `${KINDS[s.kind]} ${s.title}, ${time(s.dur)}${s.rank ? RANKS[s.rank] : ''}${s.outcome ? ', ' + s.outcome : ''}`,
    style: { top: i * ROW + 'px' }, onclick: () => go({ s }), ondblclick: () => zoom([s.start, s.stop]),
  },
  h('div.c-name', guides(s), twisty(s, open), icon(s.kind), el('span.name', { title: `${KINDS[s.kind]} ${s.name}` }, s.title.slice(0, 200)),
    tags(s, open), h('span.sub', (st.q && snippet(s)) || preview(s))),
  h('div.c-tok', h(s.usage ? 'span.own' : 'span', tokens(s))),
  h('div.c-cost', s.sum.calls || s.usage ? h(s.usage ? 'span.own' : 'span', cost(s.sum)) : ''),
  h('div.lane', bars(s), label(time(s.dur), s.start, stopOf(s)), st.crit && criticalBars(s)));
}
// Structure is never dropped: what is deeper than fits says how deep.
function guides(s) {
  const lines = [];
  for (let p = s; p && p.level > 0; p = p.up) if (!p.gone) lines.unshift(h('i.g' + (p.beside > 1 ? '.par' : '')));
  return lines.length > guidesFit ? [lines.slice(0, guidesFit - 1), h('span.tag', String(lines.length))] : lines;
}
const twisty = (s, open) => el('button.tw', { tabindex: -1, 'aria-hidden': true, onclick: (e) => { e.stopPropagation(); fold(s); } },
  s.kids.length ? (open ? '▾' : '▸') : '');
function tags(s, open) {
  const attempt = s.attempt > 1 || s.retried ? `try ${s.attempt || 1}` : null;
  const hidden = open ? 0 : s.sum.errors - (s.error ? 1 : 0);
  return [
    s.width > 1 && el('span.tag.par', { title: `${s.width} at the same time` }, `∥ ${s.width}`),
    attempt && h('span.tag' + (s.rank ? '.err' : ''), attempt),
    s.attrs['langchain.cache.hit'] && h('span.tag', 'cache'),
    s.outcome && h('span.tag.warn', String(s.outcome).slice(0, 40)),
    s.dur == null && h('span.tag.warn', 'did not end'),
    hidden > 0 && h('span.tag.err', plural(hidden, 'error')),
  ];
}
function fold(s) {
  if (!s.kids.length) return;
  const closed = new Set(st.closed);
  if (!closed.delete(s)) closed.add(s);
  const inside = closed.has(s) && st.s.i > s.i && st.s.i < s.last;
  go(inside ? { s, closed } : { closed });
}
function foldAll() {
  const closed = new Set(st.closed.size ? [] : st.t.spans.filter((s) => s.kids.length && s.depth > 0));
  go(closed.size ? { closed, s: st.t.root } : { closed });
}
function reveal() {
  const i = rowOf(st.s);
  const at = i * ROW;
  if (i >= 0 && (at < list.scrollTop + ROW || at > list.scrollTop + list.clientHeight - 2 * ROW)) list.scrollTop = at - list.clientHeight / 2;
  if (i >= 0) list.setAttribute('aria-activedescendant', 'r' + i);
  else list.removeAttribute('aria-activedescendant');
  paint();
}
const rowOf = (s) => (st.view === 'compare' ? rows.findIndex((r) => r.b === s) : s.at ?? -1);
