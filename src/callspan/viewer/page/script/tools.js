'use strict';
// Small tools. Whatever is shown comes through `h` or `el`: their strings become text nodes, never markup.

const $ = (id) => document.getElementById(id);
const clamp = (v, a, b) => Math.max(a, Math.min(b, v));

// h('div.row', 'text', child): children only, so that no object from a file can be taken for attributes.
const h = (spec, ...kids) => el(spec, null, ...kids);

// el('div.row', {title: 'x', onclick: f}, 'text'): attributes are always written out in this script.
function el(spec, props, ...kids) {
  const [tag, ...classes] = spec.split('.');
  const node = document.createElement(tag || 'div');
  if (classes.length) node.className = classes.join(' ');
  for (const key in props) {
    const value = props[key];
    if (value == null || (value === false && !key.startsWith('aria-'))) continue;
    if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
    else if (key === 'style') style(node, value);
    else node.setAttribute(key, value === true && !key.startsWith('aria-') ? '' : safe(value));
  }
  return fill(node, kids);
}
// Through the CSSOM, which the page's policy allows.
const style = (node, values) => { for (const key in values) node.style.setProperty(key, values[key]); };

function fill(node, ...kids) {
  const shown = kids.flat(6).filter((k) => k != null && k !== false && k !== true);
  node.replaceChildren(...shown.flatMap((k) => (k instanceof Node ? [k] : plain(k))));
  return node;
}

// Characters that cannot be seen or that turn the direction of text are named, so that they cannot lie.
const CONTROL = new RegExp('([\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\u00ad\\u061c\\u180e\\u200b\\u200e\\u200f'
  + '\\u2028-\\u202e\\u2060-\\u206f\\ufeff\\ufff9-\\ufffb\\ud800-\\udfff\\u{e0000}-\\u{e01ef}])', 'u');
const named = (c) => 'U+' + c.codePointAt(0).toString(16).toUpperCase().padStart(4, '0');
const plain = (s) => String(s).replaceAll('\r\n', '\n').split(CONTROL).map((x, i) => (i % 2 ? control(x) : x));
const safe = (s) => String(s).split(CONTROL).map((x, i) => (i % 2 ? named(x) : x)).join('');
function control(c) {
  const node = document.createElement('span');
  node.className = 'ctl';
  node.title = 'invisible character';
  node.textContent = named(c);
  return node;
}

const SVG = 'http://www.w3.org/2000/svg';
function svg(tag, attributes, ...kids) {
  const node = document.createElementNS(SVG, tag);
  for (const key in attributes) node.setAttribute(key, attributes[key]);
  node.append(...kids);
  return node;
}
function icon(kind, colour = `var(--k-${kind})`) {
  const node = svg('svg', { class: 'ic', 'aria-hidden': 'true' }, svg('use', { href: '#i-' + kind }));
  node.style.color = colour;
  return node;
}

// Numbers as people read them: three digits, and money to the precision that says something.
const digits = (v) => v.toFixed(v < 9.995 ? 2 : v < 99.95 ? 1 : 0);
function time(us) {
  if (us == null) return '…';
  if (us < 1000) return us ? us + ' µs' : '0 s';
  if (us < 999500) return (us / 1e3).toFixed(us < 9950 ? 1 : 0) + ' ms';
  if (us < 59950000) return digits(us / 1e6) + ' s';
  const seconds = Math.round(us / 1e6);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ${seconds % 60} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor(seconds % 3600 / 60)} m`;
}
const count = (n) => (n < 1000 ? String(n) : n < 9950 ? (n / 1e3).toFixed(1) + 'k'
  : n < 999500 ? Math.round(n / 1e3) + 'k' : (n / 1e6).toFixed(1) + 'M');
const money = (v) => (v == null ? '—' : v === 0 ? '$0' : v < 0.0001 ? '<$.0001'
  : '$' + v.toFixed(v < 0.01 ? 4 : v < 1 ? 3 : 2));
const bytes = (n) => (n < 1024 ? n + ' B' : n < 1048576 ? Math.round(n / 1024) + ' KB' : (n / 1048576).toFixed(1) + ' MB');
const clock = (ms) => new Date(ms).toLocaleTimeString('sv');
const whole = (n) => n.toLocaleString('en');
const plural = (n, one, many = one + 's') => `${whole(n)} ${n === 1 ? one : many}`;
const percent = (part, all) => Math.round(part / all * 100) + ' %';
const text1 = (v) => (typeof v === 'string' ? v : JSON.stringify(v) ?? '');
const lastWord = (s) => String(s).split('.').pop();
