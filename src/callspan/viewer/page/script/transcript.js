// The transcript: the whole run as one conversation, from all calls, each message once.

const BATCH = 150;
let items = []; // [span, how to draw it]
let itemsShown = 0;

function drawTranscript() {
  items = [];
  const seen = new Set();
  const done = new Set();
  for (const s of st.t.spans) {
    if (['agent', 'workflow', 'node'].includes(s.kind) && s.kids.length) item(s, () => heading(s));
    if (s.interrupt) item(s, () => h('div.note.warn', h('b', 'Waits for an answer'), json(s.interrupt.value)));
    if (s.resume !== undefined) item(s, () => h('div.note.warn', h('b', 'Resumed with'), json(s.resume)));
    if (s.kind === 'llm') callItems(s, seen);
    else if (s.kind === 'tool') toolItem(s, done);
    else if (s.documents) item(s, () => h('div.box', h('div.doc', h('header', icon('retriever'), h('span', `${s.title}: ${oneLine(s.query)}`),
      h('span.score', plural(s.documents.length, 'document'))))));
    if (s.rank === 'origin' && s.kind !== 'tool') item(s, () => h('div.note.err', h('b', s.error.type), ' ', s.error.message));
  }
  const box = $('transcript');
  box.replaceChildren();
  box.scrollTop = 0;
  itemsShown = 0;
  if (!items.length) fill(box, h('div.gap', 'Nothing was said in this run, or its content was not recorded.'));
  moreItems();
}
const item = (s, draw) => items.push([s, draw]);
const heading = (s) => h('div.head', icon(s.kind), h('span', s.title), s.beside > 1 && h('span.tag.par', '∥ in parallel'),
  s.outcome && h('span.tag.warn', s.outcome), h('span.muted', time(s.dur)));

function callItems(s, seen) {
  const tries = st.t.tries;
  for (const i of s.in || []) {
    const m = messageAt(i);
    if (seen.has(i) || (m.parts[0]?.type === 'tool_call_response' && tries.has(m.parts[0].id))) continue;
    seen.add(i);
    item(s, () => (m.role === 'system' ? folded(`system, ${bytes(messageText(i).length)}`, [i], s) : message(i, s)));
  }
  const side = [s.title, time(s.dur), s.usage && tokens(s)].filter(Boolean).join(' · ');
  for (const i of s.out || []) {
    seen.add(i);
    const parts = messageAt(i).parts;
    const asks = parts.length && parts.every((p) => p.type === 'tool_call' && tries.has(p.id));
    item(s, () => (asks ? h('div.ask', icon('llm'), h('span', `asks for ${parts.map((p) => p.name).join(', ')}`), h('span.r', side))
      : message(i, null, false, side, tries)));
  }
}
function toolItem(s, done) {
  if (s.call && done.has(s.call)) return;
  if (s.call) done.add(s.call);
  item(s, () => toolCard(null, { name: s.title, arguments: s.args, id: s.call }, st.t.tries.get(s.call) || [s]));
}
function drawItem([s, draw]) {
  return el('div.item' + (s === st.s ? '.cur' : ''), { 'data-s': s.i, style: { '--d': Math.min(6, s.up ? s.up.depth : 0) } },
    h('span.at', time(s.start)), el('div', { onclick: () => st.s !== s && go({ s }) }, draw()));
}
function moreItems(until = itemsShown + BATCH) {
  const box = $('transcript');
  box.querySelector(':scope > .more')?.remove();
  box.append(...items.slice(itemsShown, until).map(drawItem));
  itemsShown = Math.min(until, items.length);
  if (itemsShown === items.length) return;
  const more = el('button.more', { onclick: () => moreItems() }, 'more');
  box.append(more);
  new IntersectionObserver(([e], observer) => {
    if (!e.isIntersecting || !more.isConnected) return;
    observer.disconnect();
    moreItems();
  }).observe(more);
}
// The selected span is marked and in sight.
function revealItem() {
  const box = $('transcript');
  for (const node of box.querySelectorAll('.item.cur')) node.classList.remove('cur');
  const [s, at] = itemOf(st.s);
  if (at < 0) return;
  if (at >= itemsShown) moreItems(at + 20);
  const nodes = box.querySelectorAll(`.item[data-s="${s.i}"]`);
  for (const node of nodes) node.classList.add('cur');
  const [view, here] = [box.getBoundingClientRect(), nodes[0].getBoundingClientRect()];
  if (here.top < view.top || here.top > view.bottom - 40) nodes[0].scrollIntoView({ block: 'start' });
}
// Where a span stands: tries of one tool call stand together, and what has no item of its own stands with the one above.
function itemOf(s) {
  for (let p = (st.t.tries.get(s.call) || [s])[0]; p; p = p.up) {
    const at = items.findIndex(([x]) => x === p);
    if (at >= 0) return [p, at];
  }
  return [s, -1];
}
