// The keys: one table, which the help shows too.

function step(n) {
  const seq = st.view === 'compare' ? rows.map((r) => r.b).filter(Boolean) : st.view === 'transcript' ? [...new Set(items.map(([s]) => s))] : rows;
  const at = seq.indexOf(st.s);
  const next = at >= 0 ? seq[clamp(at + n, 0, seq.length - 1)] : n > 0 ? seq.find((s) => s.i > st.s.i) : seq.findLast((s) => s.i < st.s.i);
  if (next) go({ s: next });
}
// The next error after the selected span: origins first, then handled ones.
function nextError(n) {
  const errors = st.t.errors;
  if (!errors.length) return toast('No errors in this run');
  const at = errors.indexOf(st.s);
  return go({ s: errors[at < 0 ? (n > 0 ? 0 : errors.length - 1) : (at + n + errors.length) % errors.length] });
}
function closeOrUp() {
  if (st.view === 'timeline' && st.s.kids.length && !st.closed.has(st.s)) return fold(st.s);
  let up = st.s.up;
  while (up?.gone) up = up.up;
  return up && go({ s: up });
}
const openOrDown = () => (st.closed.has(st.s) ? fold(st.s) : step(1));
function toCause() {
  const cause = causeOf(st.s);
  if (cause) go({ t: cause.t, s: cause });
  else toast('Nothing in this file asked for this span');
}
function detail(density) {
  let s = st.s;
  while (s.up && DENSITIES[density][2].includes(s.kind)) s = s.up;
  go({ density, s });
  drawDensity();
}
const drawDensity = () => fill($('density'), Object.entries(DENSITIES).map(([d, [label, title]]) => el('button',
  { 'data-d': d, 'aria-pressed': d === st.density, title: `${title} ( d )`, onclick: () => detail(d) }, label)));
function toggleTheme() {
  const dark = matchMedia('(prefers-color-scheme: dark)').matches;
  setTheme((st.theme || (dark ? 'dark' : 'light')) === 'dark' ? 'light' : 'dark');
  drawAxis();
  keepPlace();
}
const compareView = () => (st.base ? go({ view: 'compare' }) : toast('Choose a run to compare with: shift-click it in the list'));

const KEYS = [
  ['j', 'next span', () => step(1)], ['k', 'previous span', () => step(-1)],
  ['n', 'next error', () => nextError(1)], ['N', 'previous error', () => nextError(-1)],
  ['h', 'close, or to the parent', closeOrUp], ['o', 'open or close', () => fold(st.s)],
  ['a', 'to what asked for this', toCause], ['e', 'open or close all', foldAll],
  ['f', 'zoom to this span', () => zoom([st.s.start, stopOf(st.s)])], ['0', 'zoom out', () => zoom(null)],
  ['[', 'run above', () => nextRun(-1)], [']', 'run below', () => nextRun(1)],
  ['1', 'timeline', () => go({ view: 'timeline' })], ['2', 'transcript', () => go({ view: 'transcript' })],
  ['3', 'comparison', compareView], ['d', 'more or less detail', () => detail({ all: 'steps', steps: 'calls', calls: 'all' }[st.density])],
  ['c', 'copy as Markdown', copyMarkdown], ['C', 'copy as JSON', copyJson],
  ['l', 'copy a link', copyLink], ['p', 'critical path', () => go({ crit: !st.crit })],
  ['/', 'search', () => $('q').select()], ['t', 'light or dark', toggleTheme],
  ['Enter', 'to the pane of the span', () => $('inspector').focus()], ['?', 'these keys', () => $('help').showModal()],
];
const ARROWS = { ArrowDown: 'j', ArrowUp: 'k', ArrowLeft: 'h' };

function searchKey(e) {
  if (e.key === 'Enter') nextHit(e.shiftKey ? -1 : 1);
  else if (e.key === 'Escape') {
    e.target.value = '';
    findSpans('');
    list.focus();
  } else return;
  e.preventDefault();
}
function tabKey(e) {
  const tabs = [...document.querySelectorAll('[role=tab]')];
  const next = tabs[tabs.indexOf(e.target) + (e.key === 'ArrowLeft' ? -1 : 1)];
  if (next) next.click();
}
function onKey(e) {
  const from = e.target instanceof Element ? e.target : document.body;
  if (e.ctrlKey || e.metaKey || e.altKey || !st.t || from.closest('dialog')) return;
  if (from.matches('input')) return searchKey(e);
  const sideways = /^Arrow(Left|Right)$/.test(e.key);
  const pressable = from.matches('button, select, summary') && ['Enter', ' '].includes(e.key);
  if (pressable || (from.matches('select') && (e.key.startsWith('Arrow') || e.key.length === 1))) return;
  if (from.matches('[role=tab]') && sideways) return tabKey(e);
  if (from.id === 'split' && sideways) return resizeNames($('axis').firstChild.offsetWidth + (e.key === 'ArrowLeft' ? -16 : 16));
  const scrolls = from.closest('#inspector, #transcript, #rail') && /^(Arrow|Home|End)/.test(e.key);
  if (scrolls) return;
  const spans = rows.map((r) => (st.view === 'compare' ? r.b : r)).filter(Boolean);
  if (e.key === 'ArrowRight') openOrDown();
  else if (e.key === 'Home' || e.key === 'End') go({ s: spans.at(e.key === 'Home' ? 0 : -1) });
  else {
    const found = KEYS.find(([k]) => k === (ARROWS[e.key] || e.key));
    if (!found) return;
    found[2]();
  }
  e.preventDefault();
}
addEventListener('keydown', onKey);
