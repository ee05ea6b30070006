// Search: all words must occur; `kind:tool`, `kind:error`, `>2s` and `<100ms` test the span itself.

const LIMIT = /^([<>])(\d+(?:\.\d+)?)(ms|s|m)?$/;
const IS = /^(?:kind|is):(\S+)$/;
const UNIT = { ms: 1e3, s: 1e6, m: 6e7 };

const hay = (s) => s.hay ||= [s.name, s.kind, s.error && reason(s.error),
  JSON.stringify([s.args, s.result, s.query, s.documents, s.attrs, s.interrupt, s.resume])].join('\n').toLowerCase();
const messagesWith = (word) => {
  DATA.lower ||= []; // the text of each message once, however many calls repeat it
  return new Set(DATA.messages.map((_, i) => i).filter((i) => (DATA.lower[i] ??= messageText(i).toLowerCase()).includes(word)));
};
function wordTest(word) {
  const limit = word.match(LIMIT);
  const kind = word.match(IS);
  if (limit) {
    const us = limit[2] * UNIT[limit[3] || 's'];
    return (s) => s.dur != null && (limit[1] === '>' ? s.dur > us : s.dur < us);
  }
  if (kind) return (s) => (kind[1] === 'error' ? s.error : `${KINDS[s.kind]} ${s.kind}`.toLowerCase().includes(kind[1]));
  const where = messagesWith(word);
  return (s) => hay(s).includes(word) || (s.kind === 'llm' && s.in && newIn(s).some((i) => where.has(i)));
}
const wordsOf = (q) => q.trim().toLowerCase().split(/\s+/).filter(Boolean);
function search(q) {
  const tests = wordsOf(q).map(wordTest);
  st.q = q.trim();
  st.hits = new Set(tests.length ? st.t.spans.filter((s) => tests.every((f) => f(s))) : []);
  countHits();
}
function countHits() {
  const at = [...st.hits].indexOf(st.s) + 1;
  $('hits').textContent = st.q ? `${at || '–'} of ${st.hits.size}` : '';
}
function findSpans(q) {
  const was = st.q;
  search(q);
  if (st.hits.size && !st.hits.has(st.s)) nextHit(1);
  else countHits();
  if (st.q !== was) {
    layout();
    markMatches();
    keepPlace();
  }
}
function nextHit(step) {
  const hits = [...st.hits];
  if (!hits.length) return;
  const at = hits.indexOf(st.s);
  const next = at < 0 ? nearest(hits, step) : hits[(at + step + hits.length) % hits.length];
  go({ s: next });
  countHits();
}
const nearest = (hits, step) => (step > 0 ? hits.find((s) => s.i > st.s.i) || hits[0] : hits.findLast((s) => s.i < st.s.i) || hits.at(-1));

const searched = () => wordsOf(st.q).filter((w) => !LIMIT.test(w) && !IS.test(w));
// The words around the first match, for the row.
function snippet(s) {
  const [word] = searched();
  if (!word || !st.hits.has(s)) return '';
  for (const make of [() => s.error?.message, () => (s.in && s.kind === 'llm' ? newIn(s).map(messageText).join('\n') : ''), () => s.query,
    () => JSON.stringify([s.args, s.result, s.documents]), () => JSON.stringify(s.attrs)]) {
    const x = make();
    const i = x ? x.toLowerCase().indexOf(word) : -1;
    if (i >= 0) return '… ' + x.slice(Math.max(0, i - 8), i + 160).replace(/(\s|\\n)+/g, ' ');
  }
  return '';
}
// Marks the words in the pane of the span, without touching its elements.
function markMatches() {
  if (!CSS.highlights) return;
  const words = searched().filter((w) => w.length > 1);
  const walk = document.createTreeWalker($('inspector'), NodeFilter.SHOW_TEXT);
  const ranges = [];
  while (words.length && ranges.length < 500 && walk.nextNode()) {
    const low = walk.currentNode.data.toLowerCase();
    if (low.length === walk.currentNode.data.length) for (const w of words) {
      for (let i = low.indexOf(w); i >= 0 && ranges.length < 500; i = low.indexOf(w, i + w.length)) {
        const r = new Range();
        r.setStart(walk.currentNode, i);
        r.setEnd(walk.currentNode, i + w.length);
        ranges.push(r);
      }
    }
  }
  CSS.highlights.set('found', new Highlight(...ranges));
  const at = ranges.find((r) => r.startContainer.parentElement.closest('.ib'));
  if (at) at.startContainer.parentElement.scrollIntoView({ block: 'nearest' });
}
