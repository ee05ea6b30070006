// The start: the data is taken, the bar on top is filled, and the page opens on the place in its address.

function drawSource() {
  const { files, spans, skipped, dropped } = DATA.source;
  fill($('source'), `${files.join(', ')} · ${plural(DATA.traces.length, 'run')} · ${plural(spans, 'span')}`);
  const lines = (skipped || []).map((x) => `line ${x.line}: ${x.why}`);
  fill($('notices'),
    lines.length > 0 && notice(`${plural(lines.length, 'line')} skipped`, 'Lines that could not be read', lines),
    dropped && notice('content dropped', 'Content that is not in this page', [
      `${plural(dropped.spans, 'span')}, ${bytes(dropped.bytes || 0)}: ${dropped.why}`]));
}
function notice(label, title, lines) {
  const open = () => {
    fill($('notes'), h('h2', title), lines.slice(0, 500).map((x) => h('p', x)), lines.length > 500 && h('p', `and ${lines.length - 500} more`), closer($('notes')));
    $('notes').showModal();
  };
  return el('button.pill.warn', { onclick: open, title: lines.slice(0, 20).join('\n') }, label);
}
const closer = (dialog) => el('button.act', { onclick: () => dialog.close() }, 'Close');

function drawHelp() {
  fill($('help'), h('h2', 'Keys'), h('dl', KEYS.map(([k, what]) => [h('dt', h('kbd', k)), h('dd', what)])),
    h('p.muted', 'Arrows move as j k h do. Search: words, kind:tool, kind:error, >2s, <100ms; Enter and shift Enter go to the next and the one before.'),
    h('p.muted', 'Shift-click a run to compare it with the open one. Drag on the small map, or turn the wheel with ctrl, to zoom; double-click a row to zoom to it.'),
    closer($('help')));
}
function openPlace() {
  const at = fromPlace();
  go({ ...at, q: '' });
  if (at.q !== st.q || at.q) {
    $('q').value = at.q;
    search(at.q);
    layout();
    markMatches();
  }
  drawDensity();
}
function start(data) {
  take(data);
  drawSource();
  drawHelp();
  $('app').classList.toggle('one', DATA.traces.length < 2);
  $('rail').hidden = $('rail-toggle').hidden = DATA.traces.length < 2;
  if (!DATA.traces.length) {
    const skipped = (DATA.source.skipped || []).slice(0, 100).map((x) => h('p', `line ${x.line}: ${x.why}`));
    fill($('app'), h('div.gap', `No spans in ${DATA.source.files.join(', ')}.`, skipped));
    return;
  }
  openPlace();
  performance.mark('ready');
}

$('q').addEventListener('input', () => findSpans($('q').value));
$('theme').addEventListener('click', toggleTheme);
$('help-btn').addEventListener('click', () => $('help').showModal());
for (const id of ['help', 'notes']) $(id).addEventListener('click', (e) => e.target === $(id) && $(id).close());
$('rail-toggle').addEventListener('click', () => openRuns());
addEventListener('hashchange', () => st.t && location.hash !== placed && openPlace());
start(readData());
