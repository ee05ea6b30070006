// Messages: parts by table, unknown parts as JSON.

const FOLD = { system: 400, tool: 1200, user: 1600, assistant: 4000 };
const ROLES = ['system', 'user', 'assistant', 'tool'];

const media = (p, more) => h('div.note.muted', ['▣ ' + (p.modality || p.type), p.mime_type, ...more].filter(Boolean).join(' · '));
const PARTS = new Map(Object.entries({
  text: (p, s, role) => asJson(String(p.content ?? '')) || text(p.content ?? '', FOLD[role]),
  reasoning: (p) => el('details.think', null, h('summary', `Reasoning, ${bytes(String(p.content ?? '').length)}`), text(p.content ?? '')),
  tool_call: (p, s) => toolCard(s, p),
  tool_call_response: (p) => json(p.response),
  server_tool_call: (p) => serverCall(p.name, p.server_tool_call ?? p.arguments),
  server_tool_call_response: (p) => json(p.server_tool_call_response ?? p.response),
  compaction: (p) => h('div.think', h('b', 'Compacted history'), text(p.content ?? '')),
  blob: (p) => media(p, [bytes(p.size ?? String(p.content ?? '').length * 0.75), p.digest]),
  uri: (p) => media(p, [String(p.uri).slice(0, 500)]),
  file: (p) => media(p, ['file ' + p.file_id]),
}));
const serverCall = (name, value) => h('div.tc', h('header', icon('tool'), h('b', name || 'server tool'), h('span.r', 'by the provider')), json(value ?? {}));
function part(p, s, role, shown) {
  if (p.type === 'tool_call' && shown?.has(p.id)) return h('div.ask', icon('tool'), `asks for ${p.name}`);
  return (PARTS.get(p.type) || json)(p, s, role);
}

// The tools that this call asked for, by the id of the call.
const askedFor = (s, id) => s.back.filter((l) => l.why === 'asked for').map(found).filter((k) => k.call === id);
function toolCard(s, p, ran) {
  const runs = ran || (s ? askedFor(s, p.id) : []);
  const last = runs.at(-1);
  const answer = last ? last.result : results().get(p.id)?.response;
  const side = last ? el('button.link', { onclick: (e) => { e.stopPropagation(); go({ t: last.t, s: last }); } }, time(last.dur)) : p.id;
  return h('div.tc' + (last?.error ? '.bad' : ''),
    h('header', icon('tool'), h('b', p.name), last?.error && h('span.err', 'failed'), last?.outcome && h('span.warn', last.outcome),
      h('span.r', runs.length > 1 && `${runs.length} tries · `, side)),
    json(p.arguments ?? {}),
    ran?.slice(0, -1).map((k, i) => h('div.res.muted', `try ${k.attempt || i + 1} · ${time(k.dur)} · ${k.error ? reason(k.error) : 'answered'}`)),
    ran && (last?.error ? h('div.res.err', reason(last.error)) : answer !== undefined && json(answer)));
}
const reason = (e) => `${e.type}: ${e.message}`;
const partsOf = (type) => new Map(DATA.messages.flatMap((m) => m.parts.filter((p) => p.type === type).map((p) => [p.id, p])));
const results = () => DATA.results ||= partsOf('tool_call_response');
const calls = () => DATA.calls ||= partsOf('tool_call');

function message(i, s, isNew, right, shown) {
  const m = messageAt(i);
  const first = m.parts[0];
  const answers = first?.type === 'tool_call_response' && calls().get(first.id)?.name;
  return h('article.msg.' + (ROLES.includes(m.role) ? m.role : 'user'),
    h('header', h('span', [m.role, m.name, answers && '· ' + answers].filter(Boolean).join(' ')), isNew && h('span.tag', 'new'), right && h('span.r', right)),
    m.parts.map((p) => part(p, s, m.role, shown)));
}
// A folded run of messages that opens on demand.
function folded(words, ids, s) {
  const open = (from) => ids.slice(from, from + 100).map((i) => message(i, s)).concat(ids.length > from + 100
    ? el('button.hist', { onclick: (e) => e.target.replaceWith(...open(from + 100)) }, `▸ ${plural(ids.length - from - 100, 'message')} more`) : []);
  const box = h('div.conv', el('button.hist', { 'aria-expanded': false, onclick: () => { box.replaceChildren(...open(0)); markMatches(); } }, '▸ ' + words));
  return box;
}
function conversation(s) {
  const { before, kept, fresh, dropped } = historyOf(s);
  const system = s.in.filter((i) => messageAt(i).role === 'system');
  const old = kept.filter((i) => !system.includes(i));
  const known = [system.length && 'system', old.length && plural(old.length, 'earlier message')].filter(Boolean).join(' and ');
  return h('div.conv',
    !before && system.map((i) => message(i, s)),
    dropped.length > 0 && folded(`${plural(dropped.length, 'message')} no longer sent`, dropped, s),
    before && kept.length > 0 && folded(`${known}, as in the call before`, kept, s),
    fresh.filter((i) => before || !system.includes(i)).map((i) => message(i, s, before != null)),
    (s.out || []).map((i) => message(i, s)));
}
