// What the rest of the script is made of. The one rule: a string of the
// evidence becomes a text node (el, append) or an attribute that is only
// shown (title, aria-label), and never markup, style or code.

const $ = id => document.getElementById(id);

// el makes an element: its classes, its attributes, its children.
function el(name, cls, attrs, ...children) {
  const e = document.createElement(name);
  if (cls) e.className = cls;
  for (const k in attrs) if (attrs[k] !== undefined && attrs[k] !== null) e.setAttribute(k, attrs[k]);
  e.append(...children.filter(c => c !== null && c !== undefined && c !== ''));
  return e;
}

function svg(name, attrs, text) {
  const e = document.createElementNS('http://www.w3.org/2000/svg', name);
  for (const k in attrs) e.setAttribute(k, attrs[k]);
  if (text !== undefined) e.textContent = text;
  return e;
}

function button(text, cls, act, attrs) {
  const b = el('button', cls, {type: 'button', ...attrs}, text);
  b.addEventListener('click', act);
  return b;
}

// Blocks of data. Those behind this script are there once the page is loaded.
const read = id => {
  const block = $(id);
  return block ? JSON.parse(block.textContent) : null;
};
const loaded = new Promise(done => {
  if (document.readyState !== 'loading') done();
  else document.addEventListener('DOMContentLoaded', () => done());
});

// Sessions, as objects with the names of their fields.
const data = read('sessions');
const sessions = data.rows.map((row, at) => {
  const s = {at};
  data.fields.forEach((f, i) => { s[f] = row[i]; });
  s.to = s.end ?? Math.max(s.last, s.start ?? s.first);
  s.from = Math.min(s.start ?? s.first, s.to);
  s.key = shortKey(s.fingerprint);
  s.person1 = s.person || s.key || (s.attribution === 'local' ? base(s.opener) || 'local' : s.attribution === 'none' ? 'unattributed' : s.account || 'unknown');
  s.source = s.ip ? (s.port ? (s.ip.includes(':') ? '[' + s.ip + ']:' : s.ip + ':') + s.port : s.ip) : base(s.opener);
  s.group = s.attribution === 'local' ? 'local' : s.attribution === 'none' ? 'none' : 'ssh';
  return s;
});
const manyHosts = new Set(sessions.map(s => s.host)).size > 1;

function base(path) { return path ? path.slice(path.lastIndexOf('/') + 1) : ''; }

function shortKey(f) {
  if (!f) return '';
  const at = f.indexOf(':') + 1;
  return f.slice(at, at + 10) + '…';
}

// Times, in UTC.
const iso = ms => ms === null || ms === undefined || Math.abs(ms) > 8.64e15 ? '' : new Date(ms).toISOString().replace('T', ' ').replace('Z', '');
const second = ms => iso(ms).slice(0, -4);
const clock = ms => iso(ms).slice(-12);

function span(seconds) {
  if (seconds === null || seconds === undefined) return '–';
  if (seconds < 60) return seconds < 10 ? seconds.toFixed(1) + ' s' : Math.round(seconds) + ' s';
  const m = Math.floor(seconds / 60), h = Math.floor(m / 60), d = Math.floor(h / 24);
  if (d) return d + ' d ' + (h % 24) + ' h';
  if (h) return h + ' h ' + String(m % 60).padStart(2, '0') + ' min';
  return m + ' min ' + String(Math.floor(seconds % 60)).padStart(2, '0') + ' s';
}

const grouped = n => String(n).replace(/\B(?=(\d{3})+$)/g, '\u202f');
const many = (n, one, more) => n === 1 ? '1 ' + one : grouped(n) + ' ' + (more || one + 's');
const dash = v => v === null || v === undefined || v === '' ? '–' : v;

// clip is text on one line, cut off where it is too wide, in full on hover.
const clip = (text, cls) => el('bdi', 'clip ' + cls, {title: text}, text);

// long is text of any length: very long ones are cut, with a button for the rest.
const longest = 1200;
function long(text, words) {
  if (text.length <= longest) return marked(text, words);
  const e = el('span');
  e.append(marked(text.slice(0, longest), words), '… ', button('show all ' + grouped(text.length) + ' characters', 'link', b => {
    b.stopPropagation();
    e.replaceChildren(text);
  }));
  return e;
}

// marked is text with the words that were searched for marked.
function marked(text, words) {
  const part = document.createDocumentFragment();
  if (!words || !words.length) { part.append(text); return part; }
  const found = new RegExp(words.map(escaped).join('|'), 'gi');
  let at = 0;
  for (const m of text.matchAll(found)) {
    if (!m[0]) break;
    part.append(text.slice(at, m.index), el('mark', '', {}, m[0]));
    at = m.index + m[0].length;
  }
  part.append(text.slice(at));
  return part;
}
const escaped = s => s.replace(/[.*+?^${}()|[\]\\\/-]/g, '\\$&');

// later runs act when nothing has called it for some milliseconds.
function later(ms, act) {
  let timer;
  return () => { clearTimeout(timer); timer = setTimeout(act, ms); };
}

// breath lets the browser answer to the user between two pieces of work.
const breath = () => new Promise(go => setTimeout(go));
