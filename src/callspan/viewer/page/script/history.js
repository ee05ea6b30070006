// What a model call saw that the call before it had not. Messages are interned, so this is set work.

function historyOf(s) {
  if (s.hist) return s.hist;
  const before = callBefore(s);
  if (!before) return (s.hist = { before: null, kept: [], fresh: s.in, dropped: [] });
  const seen = new Set([...before.in, ...before.out || []]);
  const now = new Set(s.in);
  s.hist = {
    before,
    kept: s.in.filter((m) => seen.has(m)),
    fresh: s.in.filter((m) => !seen.has(m)),
    dropped: before.in.filter((m) => !now.has(m)),
  };
  return s.hist;
}
// `before` is the index of a span of this trace, or [trace id, span id] of an earlier one.
function callBefore(s) {
  const b = s.before;
  const call = b == null ? null : Array.isArray(b) ? found({ trace: b[0], span: b[1] }) : s.t.spans[b];
  return call?.in ? call : null;
}
const newIn = (s) => [...historyOf(s).fresh, ...s.out || []];

const messageAt = (i) => DATA.messages[i] || { role: 'user', parts: [] };
function partText(p) {
  if (p.type === 'tool_call') return `${p.name}(${JSON.stringify(p.arguments) ?? ''})`;
  if (p.type === 'tool_call_response') return text1(p.response);
  if (typeof p.content === 'string' && p.type !== 'blob') return p.content;
  return `[${p.modality || p.type}]`;
}
const messageText = (i) => messageAt(i).parts.map(partText).join('\n');
const oneLine = (s) => String(s || '').slice(0, 200).replace(/^(#+|-) |[*`]+/gm, '').replace(/\s+/g, ' ').trim();

function preview(s) {
  if (s.error && s.rank !== 'passed') return `${lastWord(s.error.type)}: ${oneLine(s.error.message)}`;
  if (s.outcome === 'paused' && s.interrupt) return 'waits for an answer';
  if (s.kind === 'tool' && s.args != null) return oneLine(argsLine(s.args));
  if (s.documents) return `${plural(s.documents.length, 'document')} · ${oneLine(s.query)}`;
  if (s.kind === 'llm' && s.out?.length) return oneLine(messageAt(s.out[0]).parts.map(partPreview).join(' '));
  if (s.kind === 'http') return text1(s.attrs['http.response.status_code'] ?? s.attrs['http.status_code'] ?? '');
  return '';
}
const argsLine = (args) => (typeof args === 'object' ? Object.values(args).map((v) => text1(v).slice(0, 200)).join(', ') : text1(args));
const partPreview = (p) => (p.type === 'tool_call' ? '→ ' + p.name : p.type === 'reasoning' ? '' : partText(p).slice(0, 300));
