// The model: what was written into the page, plus what only the page needs.

let DATA = { source: {}, messages: [], traces: [] };
const KINDS = {
  llm: 'model call', tool: 'tool', agent: 'agent', workflow: 'workflow', node: 'graph node', retriever: 'retriever',
  embedding: 'embedding', chain: 'chain', http: 'HTTP call', other: 'span',
};
const CONTAINERS = ['agent', 'workflow', 'node', 'chain', 'other'];
const BACK = { 'asked by': 'asked for', 'retry of': 'tried again in', resumes: 'resumed by', 'instead of': 'replaced by' };

function take(data) {
  DATA = data;
  DATA.traces = DATA.traces.filter((t) => t.spans.length);
  DATA.traces.forEach(prepare);
  for (const t of DATA.traces) for (const s of t.spans) for (const l of s.links || []) turnBack(t, s, l);
  DATA.traces.sort((a, b) => (b.state === 'failed') - (a.state === 'failed') || b.start - a.start);
  DATA.byId = new Map(DATA.traces.map((t) => [t.id, t]));
}

// Spans arrive in pre-order: one pass down gives depth and nesting, one pass up gives the sums.
function prepare(t) {
  const S = t.spans;
  t.byId = new Map();
  t.end = 1;
  S.forEach((s, i) => {
    if (!Object.hasOwn(KINDS, s.kind)) s.kind = 'other';
    s.t = t;
    s.i = i;
    s.kids = [];
    s.back = [];
    s.attrs ||= {};
    s.up = s.parent < 0 ? null : S[s.parent];
    s.depth = s.up ? s.up.depth + 1 : 0;
    s.title ||= s.name;
    s.stop = s.start + (s.dur ?? 0);
    s.sum = nothing();
    s.call = s.attrs['gen_ai.tool.call.id'];
    t.byId.set(s.id, s);
    t.end = Math.max(t.end, s.stop);
    if (s.up) s.pos = s.up.kids.push(s);
  });
  t.tries = Map.groupBy(S.filter((s) => s.kind === 'tool' && s.call), (s) => s.call);
  for (let i = S.length - 1; i >= 0; i--) {
    const s = S[i];
    s.last = s.kids.length ? s.kids.at(-1).last : i + 1;
    s.width = s.kids.reduce((most, k) => Math.max(most, k.beside || 0), 0);
    own(s);
    if (s.up) add(s.up.sum, s.sum);
  }
  t.root = S[0];
  t.roots = S.filter((s) => !s.up);
  t.sum = t.roots.reduce((m, s) => add(m, s.sum), nothing());
  t.errors = S.filter((s) => s.rank === 'origin').concat(S.filter((s) => s.rank === 'handled' && s.up?.rank !== 'handled'));
  const failed = t.roots.some((s) => s.error && s.rank !== 'handled');
  t.state = failed ? 'failed' : S.some((s) => s.outcome === 'paused') ? 'paused'
    : S.some((s) => s.dur == null) ? 'running' : 'done';
  t.cats = categories(S);
}

const nothing = () => ({ input: 0, output: 0, cached: 0, cost: 0, priced: 0, unpriced: 0, calls: 0, tools: 0, failed: 0, errors: 0 });
function add(to, m) {
  for (const k in m) to[k] += m[k];
  return to;
}
function own(s) {
  const m = s.sum;
  if (s.usage) {
    m.input += s.usage[0];
    m.output += s.usage[1];
    m.cached += s.usage[2];
    if (s.cost == null) {
      m.unpriced++;
    } else {
      m.priced++;
      m.cost += s.cost;
    }
  }
  if (s.kind === 'llm') m.calls++;
  if (s.kind === 'tool') m.tools++;
  if (s.error) m.errors++;
  if (s.error && s.kind === 'tool') m.failed++;
}

// Where the time went, along the critical path.
function categories(spans) {
  const cats = { wait: 0, write: 0, tool: 0, find: 0, code: 0 };
  for (const s of spans) for (const [a, b] of s.path || []) {
    if (s.kind === 'llm') {
      const first = clamp(s.start + (s.ttft ?? 0), a, b);
      cats.wait += first - a;
      cats.write += b - first;
    } else {
      const k = s.kind === 'http' && s.up ? s.up.kind : s.kind;
      cats[k === 'tool' ? 'tool' : k === 'retriever' || k === 'embedding' ? 'find' : 'code'] += b - a;
    }
  }
  return cats;
}

// A link is seen from both ends.
function turnBack(t, s, l) {
  l.why = String(l.why || 'linked').replaceAll('_', ' ');
  const to = found(l);
  if (!to) return;
  const why = Object.hasOwn(BACK, l.why) ? BACK[l.why] : 'linked from';
  to.back.push({ trace: t.id, span: s.id, why });
  if (l.why === 'retry of') to.retried = s;
}
const traceById = (id) => DATA.traces.find((t) => t.id === id);
function found({ trace, span }) {
  const t = trace && (DATA.byId?.get(trace) || traceById(trace));
  if (t) return t.byId.get(span);
  for (const other of trace ? [] : DATA.traces) if (other.byId.has(span)) return other.byId.get(span);
  return undefined;
}
// Where an error that was passed on began.
function originOf(s) {
  while (s.rank === 'passed') {
    const below = s.kids.findLast((k) => k.error && k.rank !== 'handled') || s.kids.findLast((k) => k.error);
    if (!below) break;
    s = below;
  }
  return s;
}
// Empty where no call said what it used: nobody knows, and $0 would be a claim.
const counted = (m) => m.priced + m.unpriced > 0;
const cost = (m) => (!counted(m) ? '' : !m.unpriced ? money(m.cost) : m.cost >= 1e-4 ? '≥ ' + money(m.cost) : '—');
const tokens = (s) => (!s.sum.input && !s.sum.output ? ''
  : `${s.usage ? '' : 'Σ '}${count(s.sum.input)} → ${count(s.sum.output)}`);
