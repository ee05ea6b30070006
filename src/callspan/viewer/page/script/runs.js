// The list of runs: failed ones first, then the newest.

const STATE = { failed: 'err', paused: 'warn', running: 'warn', done: 'ok' };
let listed = 300;

function drawRuns() {
  const runs = DATA.traces.slice(0, Math.max(listed, DATA.traces.indexOf(st.t) + 1));
  const failed = runs.filter((t) => t.state === 'failed');
  const rest = runs.filter((t) => t.state !== 'failed');
  const longest = DATA.traces.reduce((most, t) => Math.max(most, t.end), 1);
  const left = DATA.traces.length - runs.length;
  fill($('rail'),
    failed.length > 0 && [h('h2', plural(failed.length, 'failed run')), failed.map((t) => runRow(t, longest))],
    rest.length > 0 && [h('h2', failed.length ? 'Other runs, newest first' : 'Runs, newest first'), rest.map((t) => runRow(t, longest))],
    left > 0 && el('button.more', { onclick: () => { listed += 300; drawRuns(); } }, `… ${plural(left, 'more run')}`));
  $('rail').querySelector('[aria-current=true]').scrollIntoView({ block: 'nearest' });
}
function runRow(t, longest) {
  const pick = (e) => {
    if (e.shiftKey && t !== st.t) return go({ base: t, view: 'compare' });
    openRuns(false);
    return go({ t });
  };
  return el('button.trace', { 'aria-current': t === st.t, onclick: pick, title: 'Shift-click: compare with the open run' },
    h('div.l1', el('span.st', { title: t.state }, icon(t.state, `var(--${STATE[t.state]})`), h('span.sr', t.state + ' ')),
      h('b', t.root.title), h('span', time(t.end))),
    h('div.l2', h('span', clock(t.start)), h('span', counted(t.sum) ? `${count(t.sum.input + t.sum.output)} · ${cost(t.sum)}` : '')),
    t === st.base && h('div.base', 'compared with'),
    el('span.len', { style: { width: Math.max(4, t.end / longest * 160) + 'px' } }));
}
function openRuns(open) {
  $('rail').classList.toggle('open', open);
  $('rail-toggle').setAttribute('aria-expanded', $('rail').classList.contains('open'));
}
const nextRun = (n) => go({ t: DATA.traces[clamp(DATA.traces.indexOf(st.t) + n, 0, DATA.traces.length - 1)] });
