// Copies: a part of the run as Markdown for people and models, as JSON, or as a link. Printing uses the Markdown.

function fence(s) {
  const longestRun = (s.match(/`+/g) || []).reduce((most, x) => Math.max(most, x.length), 2);
  const mark = '`'.repeat(longestRun + 1);
  return `${mark}\n${s}\n${mark}`;
}
const pretty = (v) => (typeof v === 'string' ? v : JSON.stringify(v, null, 1));

function markdown(s) {
  const t = s.t;
  const all = t.spans.slice(s.i, s.last);
  const shown = new Set();
  const out = [`# ${KINDS[s.kind]} ${oneLine(s.title)}`, '',
    `run ${oneLine(t.root.title)}, ${new Date(t.start).toISOString()}, trace ${t.id}, span ${s.id}`, '', '## Calls', '',
    ...all.map((k) => '  '.repeat(k.depth - s.depth) + '- ' + callLine(k))];
  for (const k of all) {
    const lines = callParts(k, shown);
    if (lines.length) out.push('', `## ${KINDS[k.kind]} ${oneLine(k.title)} at ${time(k.start)}`, '', lines.join('\n\n'));
  }
  return out.join('\n') + '\n';
}
const callLine = (k) => [`${KINDS[k.kind]} ${oneLine(k.title)}: ${time(k.dur)}`, tokens(k) && `tokens ${tokens(k)}`, k.usage && money(k.cost),
  k.error && `ERROR ${oneLine(reason(k.error))}`, k.rank === 'handled' && 'handled', k.outcome].filter(Boolean).join(', ');
function callParts(k, shown) {
  const lines = [];
  const put = (label, v) => v !== undefined && lines.push(`${label}\n\n${fence(pretty(v) ?? '')}`);
  for (const i of [...k.in || [], ...k.out || []]) {
    if (!shown.has(i)) put(`**${oneLine(messageAt(i).role)}**`, messageText(i));
    shown.add(i);
  }
  put('input', k.args);
  put('output', k.result);
  put('query', k.query);
  put('documents', k.documents);
  put('waits for an answer', k.interrupt?.value);
  put('resumed with', k.resume);
  put('stack', k.error?.stack);
  return lines;
}
function subtree(s) {
  const messages = (ids) => ids?.map((i) => messageAt(i));
  const { id, name, kind, start, dur, ttft, args, result, query, documents, tools, error, rank, attempt, outcome, interrupt, resume, usage,
    events, attrs } = s;
  return { id, name, kind, start, dur, ttft, input: messages(s.in), output: messages(s.out), args, result, query, documents, tools, error, rank,
    attempt, outcome, interrupt, resume, usage, cost: s.cost, events, attrs, links: s.links, children: s.kids.map(subtree) };
}
async function copy(s, what) {
  try {
    await navigator.clipboard.writeText(s);
  } catch {
    copyByHand(s);
  }
  toast(`Copied ${what}, ${bytes(s.length)}`);
}
// Where the clipboard is refused: a hidden text area.
function copyByHand(s) {
  const held = document.activeElement;
  const area = el('textarea.sr', { 'aria-hidden': true });
  area.value = s;
  document.body.append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
  held?.focus();
}
const copyMarkdown = () => copy(markdown(st.s), 'Markdown');
const copyJson = () => copy(JSON.stringify(subtree(st.s), null, 2), 'JSON');
const copyLink = () => copy(location.href.split('#')[0] + place(false), 'the link');

let fading;
function toast(s) {
  $('toast').textContent = s;
  $('toast').classList.add('on');
  clearTimeout(fading);
  fading = setTimeout(() => $('toast').classList.remove('on'), 1600);
}
addEventListener('beforeprint', () => fill($('print'), st.t && st.t.roots.map(markdown).join('\n')));
addEventListener('afterprint', () => fill($('print')));
