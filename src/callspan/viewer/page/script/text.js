// Text: nothing here makes markup from content, and nothing in content is a link.

const MORE = 65536;

const inline = (s) => s.split(/(`[^`\n]+`|\*\*[^*\n]+\*\*)/).map((x, i) => {
  if (i % 2 === 0) return x;
  return x[0] === '`' ? h('code', x.slice(1, -1)) : h('b', x.slice(2, -2));
});
const FENCE = /\n?^```[^\n]*\n([\s\S]*?)(?:^```[^\S\n]*\n?\n?$|$(?![\s\S]))/m;
const HEADING = /\n?^(#{1,4} .*)\n?\n?/m;
// Just enough Markdown to read an answer: fences, headings, bold, code. No links, no images, no HTML.
function prose(s) {
  return s.split(FENCE).map((x, i) => (i % 2 ? h('pre.code', x.replace(/\n$/, ''))
    : x.split(HEADING).map((y, j) => (j % 2 ? h('div.h', inline(y.replace(/^#+ /, ''))) : inline(y)))));
}

// Long content starts cut and grows in steps: a prompt of a megabyte never reaches the layout at once.
function growing(box, whole, first, draw) {
  let shown = first;
  const grow = () => {
    const more = shown < whole.length && el('button.more', { onclick: () => { shown = Math.min(whole.length, shown + MORE); grow(); } },
      `… ${bytes(whole.length - shown)} more`);
    fill(box, draw(shown < whole.length ? whole.slice(0, shown) : whole), more);
  };
  grow();
  return box;
}
function text(s, fold = 2400) {
  const whole = String(s);
  const draw = (part) => (part.length > 2e5 ? part : prose(part));
  return growing(el('div.txt', { dir: 'auto' }), whole, whole.length > fold * 1.3 ? fold : whole.length, draw);
}
function asJson(s) {
  if (!/^\s*[[{]/.test(s) || s.length > 200000) return null;
  try { return json(JSON.parse(s)); } catch { return null; }
}
const TOKEN = /("(?:[^"\\]|\\.)*"(?:\s*:)?|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|\b(?:true|false|null)\b)/;
const coloured = (s) => s.split(TOKEN).map((x, i) => (i % 2 ? h('span.' + (x.endsWith(':') ? 'jk' : x[0] === '"' ? 'js' : 'jn'), x) : x));

function json(v) {
  if (typeof v === 'string') return growing(h('pre.code'), v, v.length > 5200 ? 4000 : v.length, (part) => part);
  const flat = JSON.stringify(v, null, 1)?.replace(/\n\s*/g, ' ') ?? 'null';
  const whole = flat.length < 64 ? flat : JSON.stringify(v, null, 2);
  return growing(h('pre.code'), whole, firstLines(whole), (part) => {
    const lines = part.split('\n');
    return lines.map((line, i) => [i ? '\n' : '', line.length > 4000 ? line : coloured(line)]);
  });
}
// Where sixteen lines or 4,000 characters end.
function firstLines(s) {
  let end = -1;
  for (let n = 0; n < 16; n++) {
    end = s.indexOf('\n', end + 1);
    if (end < 0) break;
  }
  return Math.min(end < 0 ? s.length : end, s.length > 5200 ? 4000 : s.length);
}
