// What a person wants first about a run: did it fail and where, how long, how much, where the time went.

const CATS = {
  wait: ['model, to the first token', 'color-mix(in srgb, var(--k-llm) 45%, var(--bg))'],
  write: ['model, answer', 'var(--k-llm)'],
  tool: ['tools', 'var(--k-tool)'],
  find: ['retrieval', 'var(--k-retriever)'],
  code: ['between calls', 'var(--line2)'],
};

function drawSummary() {
  const t = st.t;
  const prior = t.root.links?.find((l) => l.why === 'resumes');
  const when = new Date(t.start).toLocaleString('sv');
  fill($('summary'),
    h('h1', icon(t.root.kind), h('span', t.root.title), h('span.pill.' + STATE[t.state], t.state),
      prior && el('button.pill', { onclick: () => show(prior) }, '↩ resumes an earlier run'),
      h('small', [when, t.service, t.conversation].filter(Boolean).join(' · '))),
    h('div.stats', numbers(t)),
    whereTheTimeWent(t),
    t.state === 'failed' && failure(t),
    pauses(t));
}
function numbers(t) {
  const m = t.sum;
  const base = st.base;
  const was = base?.sum;
  const had = was && counted(was);
  const known = had || counted(m);
  const stat = (label, value, more) => h('div', h('span', label), h('b', value, more && h('small', ' ' + more)));
  const cached = m.cached && m.input ? percent(m.cached, m.input) + ' cached' : '';
  return [
    stat('Time', time(t.end), was && 'was ' + time(base.end)),
    stat('Model calls', whole(m.calls), was && was.calls !== m.calls && 'was ' + was.calls),
    stat('Tools', whole(m.tools), m.failed ? `${m.failed} failed` : ''),
    known && stat('Tokens in', counted(m) ? count(m.input) : '', had ? 'was ' + count(was.input) : cached),
    known && stat('Tokens out', counted(m) ? count(m.output) : '', had && 'was ' + count(was.output)),
    known && stat('Cost', cost(m), had ? 'was ' + cost(was) : m.unpriced ? `${m.unpriced} without a price` : ''),
    stat('Spans', whole(t.spans.length)),
  ];
}
function whereTheTimeWent(t) {
  const total = Object.values(t.cats).reduce((a, b) => a + b, 0);
  const parts = Object.entries(t.cats).filter(([, v]) => v > total * 0.004);
  if (!parts.length) return null;
  return el('div.where', { title: 'Where the time went, along the critical path' },
    el('div.bar', { 'aria-hidden': true }, parts.map(([k, v]) => el('i', { style: { flex: v / total, background: CATS[k][1] } }))),
    h('div.key', parts.map(([k, v]) => h('span', el('i.dot', { style: { background: CATS[k][1] } }), CATS[k][0] + ' ', h('b', time(v))))));
}
function failure(t) {
  const s = opening(t);
  const e = s.error || t.root.error;
  return el('button.strip', { onclick: () => go({ s }) }, icon('failed', 'var(--err)'),
    h('b.err', lastWord(e.type)), h('span', e.message), h('span.muted', `in ${s.title} `, h('kbd', 'n')));
}
function pauses(t) {
  const paused = t.spans.find((s) => s.interrupt);
  if (!paused) return null;
  const after = t.spans.flatMap((s) => [...s.links || [], ...s.back]).find((l) => l.why === 'resumed by' && found(l));
  const next = after && found(after);
  return el('button.strip.warn', { onclick: () => (next ? show(after) : go({ s: paused })) }, icon('paused', 'var(--warn)'),
    h('b.warn', 'Waits for an answer'), h('span', question(paused.interrupt.value)),
    next && h('span.muted', `resumed after ${time(Math.max(0, (next.t.start - t.start) * 1000 - t.end))} →`));
}
const question = (v) => (v && typeof v === 'object' && typeof v.question === 'string' ? v.question : text1(v));

// Tabs and the tools beside them.
function drawTabs() {
  const tab = (id, label) => el('button', { role: 'tab', id: 'tab-' + id, 'aria-selected': st.view === id,
    'aria-controls': id === 'transcript' ? id : 'timeline', tabindex: st.view === id ? 0 : -1, onclick: () => go({ view: id }) }, label);
  const held = document.activeElement?.id;
  fill($('tabs'),
    el('span', { role: 'tablist', 'aria-label': 'Views' }, tab('timeline', 'Timeline'), tab('transcript', 'Transcript'),
      st.base && tab('compare', 'Compare')),
    h('span.tools', DATA.traces.length > 1 && picker(), st.view === 'timeline' && timelineTools()));
  if (held?.startsWith('tab-')) $('tab-' + st.view)?.focus();
  $('timeline').hidden = st.view === 'transcript';
  $('transcript').hidden = st.view !== 'transcript';
}
const timelineTools = () => [
  el('button', { 'aria-pressed': st.crit, onclick: () => go({ crit: !st.crit }), title: 'Underline what the run waited for ( p )' }, 'Critical path'),
  el('button', { onclick: foldAll, title: '( e )' }, st.closed.size ? 'Expand all' : 'Collapse all'),
  st.zoom && el('button', { onclick: () => zoom(null), title: '( 0 )' }, 'Zoom out'),
];
function picker() {
  const alike = (t) => t.root.name === st.t.root.name;
  const others = DATA.traces.filter((t) => t !== st.t).sort((a, b) => alike(b) - alike(a)).slice(0, 200);
  const choose = (e) => {
    const base = others[e.target.value] || null;
    go({ base, view: base ? 'compare' : 'timeline' });
  };
  return el('select', { 'aria-label': 'Compare with another run', onchange: choose },
    el('option', { value: '' }, st.base ? 'no comparison' : 'Compare with …'),
    others.map((t, i) => el('option', { value: i, selected: t === st.base }, safe(`${t.root.title} ${clock(t.start)}`))));
}
