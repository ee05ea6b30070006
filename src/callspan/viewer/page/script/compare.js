// The comparison of two runs: their trees are paired by kind and name, then by order.

// Pairs two lists in order, as many as can be: [from a or null, from b or null].
function pairUp(A, B, same) {
  const out = [];
  let start = 0;
  let [endA, endB] = [A.length, B.length];
  while (start < endA && start < endB && same(A[start], B[start])) out.push([A[start], B[start++]]);
  const tail = [];
  while (endA > start && endB > start && same(A[endA - 1], B[endB - 1])) tail.unshift([A[--endA], B[--endB]]);
  const [a, b] = [A.slice(start, endA), B.slice(start, endB)];
  const middle = a.length * b.length > 4e6 ? [...a.map((x) => [x, null]), ...b.map((x) => [null, x])] : longest(a, b, same);
  return out.concat(middle, tail);
}
// The longest common sequence.
function longest(A, B, same) {
  const L = Array.from({ length: A.length + 1 }, () => new Uint16Array(B.length + 1));
  for (let i = A.length - 1; i >= 0; i--) {
    for (let j = B.length - 1; j >= 0; j--) L[i][j] = same(A[i], B[j]) ? L[i + 1][j + 1] + 1 : Math.max(L[i + 1][j], L[i][j + 1]);
  }
  const out = [];
  for (let i = 0, j = 0; i < A.length || j < B.length;) {
    if (i < A.length && j < B.length && same(A[i], B[j])) out.push([A[i++], B[j++]]);
    else if (j >= B.length || (i < A.length && L[i + 1][j] >= L[i][j + 1])) out.push([A[i++], null]);
    else out.push([null, B[j++]]);
  }
  return out;
}
function align(a, b, depth = 0, out = []) {
  out.push({ a, b, depth });
  const same = (x, y) => x.kind === y.kind && x.name === y.name;
  for (const [x, y] of pairUp(a ? a.kids : [], b ? b.kids : [], same)) align(x, y, depth + 1, out);
  return out;
}
let compared = {};
function comparedRows() {
  if (compared.base !== st.base || compared.t !== st.t) compared = { base: st.base, t: st.t, rows: align(st.base.root, st.t.root) };
  const hide = new Set(DENSITIES[st.density][2]);
  return compared.rows.filter(({ a, b, depth }) => !depth || !hide.has((b || a).kind));
}

const signed = (v, f) => (v > 0 ? '+' : '−') + f(Math.abs(v));
function pairRow({ a, b, depth }, i) {
  const s = b || a;
  const both = a && b;
  const moreTime = both ? (b.dur ?? 0) - (a.dur ?? 0) : 0;
  const moreCost = both ? b.sum.cost - a.sum.cost : 0;
  const notable = both && Math.abs(moreTime) > 0.1 * (a.dur || 0) && Math.abs(moreTime) > 5e4;
  const change = notable && h('b.' + (moreTime > 0 ? 'err' : 'ok'), ' ' + signed(moreTime, time));
  const only = both ? '' : a ? 'only before' : 'only now';
  return el('div.row' + (b && b === st.s ? '.sel' : '') + (both ? '' : a ? '.gone' : '.come'), {
    role: 'treeitem', id: 'r' + i, 'aria-level': depth + 1, 'aria-selected': b === st.s, 'data-k': s.kind, style: { top: i * ROW + 'px' },
    'aria-label': `${KINDS[s.kind]} ${s.title}, ${only || time(b.dur)}${notable ? ', ' + signed(moreTime, time) : ''}`,
    onclick: () => b && go({ s: b }),
  },
  h('div.c-name', Array.from({ length: Math.min(depth, guidesFit) }, () => h('i.g')), h('span.tw', both ? '' : a ? '−' : '+'), icon(s.kind),
    h('span.name', s.title.slice(0, 200)), h('span.sub', only)),
  h('div.c-tok', b && tokens(b)),
  h('div.c-cost', Math.abs(moreCost) > 1e-6 ? signed(moreCost, money) : ''),
  h('div.lane', b && bars(b), a && bar('.old', a.start, stopOf(a), 'var(--muted)'),
    b && label(h('span', time(b.dur), change), Math.max(s.start, a ? a.start : 0), Math.max(stopOf(b), a ? stopOf(a) : 0))));
}

// How two texts differ, word by word.
function diff(x, y) {
  const words = (s) => s.split(/(\s+)/);
  const [A, B] = [words(x), words(y)];
  const out = [];
  const put = (tag, w) => {
    if (out.at(-1)?.tag === tag) out.at(-1).w += w;
    else out.push({ tag, w });
  };
  for (const [a, b] of pairUp(A, B, (p, q) => p === q)) put(a === null ? 'ins' : b === null ? 'del' : 'span', b ?? a);
  const kept = out.filter((o) => o.tag === 'span').reduce((n, o) => n + o.w.trim().length, 0);
  if (kept < 0.5 * Math.min(x.length, y.length)) return [h('p', h('del', x)), h('p', h('ins', y))]; // another text altogether
  return out.map(({ tag, w }) => h(tag, w));
}
