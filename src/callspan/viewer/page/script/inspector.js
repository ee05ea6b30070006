// The pane of one span.

const section = (title, right, ...body) => h('section.sec', h('h3', title, right != null && h('span.r', right)), ...body);
const boxed = (v) => h('div.box', json(v));
const kv = (pairs) => h('div.box.kv', pairs.filter(([, v]) => v != null).map(([k, v]) => [h('span', k), h('span', text1(v).slice(0, MORE))]));
function jump(l) {
  const s = found(l);
  if (!s) return h('span.muted', `span ${l.span}, not in this file`);
  const where = s.t === st.t ? ` at ${time(s.start)}` : ` in the run of ${clock(s.t.start)}`;
  return el('button.link', { onclick: () => show(l) }, s.title + where);
}

function drawInspector() {
  const s = st.s;
  fill($('inspector'), inspectorHead(s), h('div.ib', troubles(s), links(s), changed(s), contents(s), inside(s), folds(s)));
  $('inspector').scrollTop = 0;
  document.title = safe(`${st.t.root.title} · callspan`);
  markMatches();
}
function inspectorHead(s) {
  const action = (label, title, onclick) => el('button.act', { onclick, title }, label);
  return h('div.ih',
    h('div.t', icon(s.kind), h('span', s.title), h('span.acts',
      action('Copy Markdown', 'This span and all below, as Markdown ( c )', copyMarkdown),
      action('JSON', 'This span and all below, as JSON ( shift c )', copyJson),
      action('Link', 'A link to this place ( l )', copyLink))),
    h('div.facts', facts(s)));
}
function facts(s) {
  const fact = (v, label) => h('span', h('b', v), label && ' ' + label);
  const u = s.usage;
  const writing = (s.dur ?? 0) - (s.ttft || 0);
  const finish = [s.attrs['gen_ai.response.finish_reasons'] ?? []].flat();
  return [
    fact(KINDS[s.kind]), fact(s.dur == null ? 'did not end' : time(s.dur)), h('span', `starts at ${time(s.start)}`),
    s.ttft && fact(time(s.ttft), 'to the first token'),
    s.ttft && u && writing > 0 && fact(Math.round(u[1] / (writing / 1e6)), 'tokens/s'),
    u && fact(`${count(u[0])} → ${count(u[1])}`, 'tokens'),
    u && u[2] > 0 && fact(percent(u[2], u[0]), 'cached'),
    u && u[4] > 0 && fact(count(u[4]), 'reasoning'),
    u && fact(money(s.cost)),
    !u && tokens(s) && h('span', tokens(s), ' tokens, ', cost(s.sum)),
    finish.length > 0 && h('span', 'stopped by ', h('b', finish.join(', '))),
    s.attrs['langgraph.step'] != null && h('span', 'step ', h('b', text1(s.attrs['langgraph.step']))),
  ];
}
function troubles(s) {
  const e = s.error;
  return [
    e && h('div.note.err', h('b', e.type), h('div.pre', e.message),
      s.rank === 'passed' && originOf(s) !== s && h('div', 'Came from ', jump({ trace: s.t.id, span: originOf(s).id })),
      s.rank === 'handled' && h('div.muted', s.retried ? ['Tried again: ', jump({ trace: s.retried.t.id, span: s.retried.id })] : 'Handled: the caller went on.'),
      e.stack && h('details', h('summary', 'Stack trace'), json(String(e.stack)))),
    s.interrupt && h('div.note.warn', h('b', 'Interrupted: waits for an answer'), json(s.interrupt.value)),
    s.resume !== undefined && section('Resumed with', null, boxed(s.resume)),
  ];
}
function links(s) {
  const all = [...s.links || [], ...s.back.filter((b) => !s.links?.some((l) => l.span === b.span))];
  if (!all.length) return null;
  const line = (l) => h('div', h('span.muted', l.why[0].toUpperCase() + l.why.slice(1) + ' '), jump(l));
  return h('div.note', all.slice(0, 20).map(line), all.length > 20 && h('div.muted', `and ${all.length - 20} more`));
}
// In the comparison: how the answer differs from the other run's.
function changed(s) {
  if (st.view !== 'compare') return null;
  const a = rows.find((r) => r.b === s)?.a;
  if (!a?.out || !s.out) return null;
  const words = (x) => x.out.map(messageText).join('\n');
  return section('What changed in the answer', null, h('div.box.note', h('div.txt', diff(words(a), words(s)))));
}
function contents(s) {
  const tool = s.kind === 'tool';
  const llm = s.kind === 'llm' && s.in;
  const fresh = llm && historyOf(s).before ? `, ${historyOf(s).fresh.length} new` : '';
  return [
    llm && section('Conversation', `${plural(s.in.length, 'message')} seen${fresh}`, conversation(s)),
    s.query && section('Query', null, boxed(s.query)),
    s.documents && section('Documents', s.documents.length, h('div.box', s.documents.slice(0, 200).map(documentBox))),
    s.args !== undefined && section(tool ? 'Arguments' : 'Input', null, boxed(s.args)),
    s.result !== undefined && section(tool ? 'Result' : 'Output', null, boxed(s.result)),
    !llm && s.in?.length > 0 && section('Input', null, h('div.conv', s.in.slice(0, 200).map((i) => message(i, s)))),
    !llm && s.out?.length > 0 && section('Output', null, h('div.conv', s.out.slice(0, 200).map((i) => message(i, s)))),
  ];
}
function documentBox(d) {
  const score = typeof d.score === 'number' && h('span.score', d.score.toFixed(2),
    h('span.meter', el('i', { style: { width: clamp(d.score, 0, 1) * 100 + '%' } })));
  return h('div.doc', h('header', h('span', d.id), score), d.content != null && text(d.content),
    d.metadata && Object.keys(d.metadata).length > 0 && h('div.muted.mono', text1(d.metadata).slice(0, 2000)));
}
function inside(s) {
  if (!s.kids.length) return null;
  const by = new Map();
  for (const k of s.t.spans.slice(s.i + 1, s.last)) {
    if (!['llm', 'tool', 'retriever', 'embedding', 'agent'].includes(k.kind)) continue;
    const r = by.get(k.name) || { k, n: 0, us: 0, failed: 0, sum: nothing() };
    by.set(k.name, r);
    r.n++;
    r.us += k.dur || 0;
    r.failed += k.error ? 1 : 0;
    if (k.usage) own({ ...k, sum: r.sum });
  }
  if (!by.size) return null;
  const line = (r) => h('tr', h('td', icon(r.k.kind), r.k.title, r.failed > 0 && h('span.err', ` ${r.failed} failed`)), h('td', r.n),
    h('td', time(r.us)), h('td', r.sum.input + r.sum.output ? count(r.sum.input + r.sum.output) : ''),
    h('td', r.sum.input + r.sum.output ? cost(r.sum) : ''));
  return section('Inside', plural(s.last - s.i - 1, 'span'), h('div.box', h('table.tb',
    h('tr', ['', 'calls', 'time', 'tokens', 'cost'].map((x) => h('th', x))),
    [...by.values()].sort((a, b) => b.us - a.us).slice(0, 12).map(line))));
}
function folds(s) {
  const attributes = [...Object.entries(s.attrs), ['span name', s.name], ['span id', s.id], ['trace id', s.t.id]];
  const tools = Array.isArray(s.tools) ? s.tools : [];
  const bare = s.in === undefined && s.args === undefined && !s.kids.length;
  return [
    s.events?.length > 0 && el('details', { open: s.events.length < 6 }, h('summary.h', `Events, ${s.events.length}`),
      h('div.box', s.events.slice(0, 500).map(eventLine))),
    tools.length > 0 && h('details', h('summary.h', `Tools offered: ${tools.map((x) => x?.name).join(', ')}`), boxed(tools)),
    el('details', { open: bare }, h('summary.h', `Attributes, ${Object.keys(s.attrs).length}`), kv(attributes)),
  ];
}
function eventLine(e) {
  const more = e.attrs && Object.keys(e.attrs).length > 0;
  return h('div.doc', h('header', h('span', e.name), h('span.score', e.time != null && 'after ' + time(e.time))),
    more && kv(Object.entries(e.attrs)));
}
