// The table of sessions, what is shown in it, and the events that were found.

const state = {query: '', result: null, group: 'all', root: false, failed: false, host: '', range: null};

const person = s => [s.person ? el('b', '', {}, clip(s.person, 'w22')) : el('span', s.key ? 'm' : 'dim', {title: s.fingerprint}, s.person1),
  s.group === 'none' ? el('span', 'tag bad clip w22', {title: s.reason}, s.reason || 'nobody') : ''];

const columns = [
  {title: '', cls: '', cell: s => button('▸', 'toggle', () => table.toggle(s), {'aria-expanded': 'false', 'aria-label': 'Session of ' + s.person1 + ' at ' + second(s.from)})},
  {title: 'Start (UTC)', cls: 't', by: s => s.from, cell: s => second(s.start ?? s.first)},
  {title: 'Lasted', cls: 'n', by: s => s.duration, desc: true, cell: s => s.duration === null ? '–' : span(s.duration)},
  {title: 'Ended', cls: 'c-mid', by: s => s.ended, cell: s => clip(dash(s.ended), 'w16')},
  {title: 'Person or key', cls: '', by: s => lower(s.person1), cell: person},
  {title: 'Account', cls: '', by: s => s.account, cell: s => s.account === 'root' ? el('span', 'tag root', {}, 'root') : clip(dash(s.account), 'w16')},
  {title: 'From', cls: 'nobr', by: s => addressKey(s.ip) || s.source, cell: s => el('bdi', 'clip w22' + (s.ip ? '' : ' dim'), {title: s.source}, dash(s.ip || s.source))},
  {title: 'Credential', cls: 'c-wide', by: s => s.method + s.algorithm, cell: s => s.method ? clip([s.method, s.algorithm].filter(Boolean).join(' '), 'w16') : '–'},
  {title: 'Use', cls: 'c-mid', by: s => s.use, cell: s => s.use ? el('span', 'tag clip w16', {}, s.use) : '–'},
  {title: 'Commands', cls: 'n', by: s => s.commands, desc: true, cell: s => s.commands === null ? el('span', 'dim', {title: 'nothing shows that executions were recorded then'}, 'not rec.') : grouped(s.commands)},
  {title: 'As root', cls: 'n', by: s => s.root, desc: true, cell: s => s.root ? el('b', 'warm', {}, grouped(s.root)) : dash(s.root)},
  {title: 'Failed', cls: 'n c-mid', by: s => s.failures, desc: true, cell: s => s.failures ? el('span', 'bad', {}, grouped(s.failures)) : dash(s.failures)},
  ...(manyHosts ? [{title: 'Host', cls: 'c-mid', by: s => s.host, cell: s => clip(s.host, 'w22')}] : []),
  {title: 'Found', cls: 'n found', by: s => state.result?.counts.get(s), desc: true, cell: s => { const n = state.result?.counts.get(s); return n ? el('mark', '', {}, grouped(n)) : ''; }},
  {title: 'Session', cls: 'n c-low', by: s => Number(s.session) || s.session, cell: s => dash(s.session)},
];

// addressKey sorts IPv4 addresses by number.
function addressKey(ip) {
  const parts = ip.split('.');
  return parts.length === 4 ? parts.map(p => p.padStart(3, '0')).join('.') : ip;
}

const toolbar = el('div', 'tools');
$('table').append(toolbar);
const table = new Table($('table'), columns, {name: 'Sessions', cls: 'sessions', empty: 'No session is like that.', detail: s => sessionView(s, state.result?.words)});
const chart = new Chart($('chart'), s => openSession(s), range => { state.range = range; refresh(); });

function chosen() {
  const [from, to] = state.range || [-Infinity, Infinity];
  return sessions.filter(s => (!state.result || state.result.counts.has(s)) && (!state.root || s.root) && (!state.failed || s.failures) &&
    (!state.host || s.host === state.host) && s.to >= from && s.from <= to);
}

function refresh() {
  const fits = chosen(), counts = {all: fits.length, ssh: 0, local: 0, none: 0};
  for (const s of fits) counts[s.group]++;
  const rows = state.group === 'all' ? fits : fits.filter(s => s.group === state.group);
  drawTools(counts);
  table.body.parentNode.classList.toggle('searched', !!state.result);
  table.set(rows);
  chart.keep(rows);
}

function drawTools(counts) {
  const had = toolbar.contains(document.activeElement) ? document.activeElement.dataset.name : null;
  const choice = (name, text) => button(text + ' ' + grouped(counts[name]), '', () => { state.group = name; refresh(); }, {'aria-pressed': state.group === name, 'data-name': name});
  const flag = (name, text) => button(text, '', () => { state[name] = !state[name]; refresh(); }, {'aria-pressed': state[name], 'data-name': name});
  toolbar.replaceChildren(choice('all', 'All'), choice('ssh', 'SSH'), choice('local', 'Local'), choice('none', 'Unattributed'),
    flag('root', 'with commands as root'), flag('failed', 'with failures'));
  if (manyHosts) toolbar.append(hostChoice());
  if (state.range) toolbar.append(button('only ' + second(state.range[0]) + ' – ' + second(state.range[1]) + '  ✕', '', () => chart.zoom(...chart.full), {'aria-pressed': true}));
  if (had) toolbar.querySelector('[data-name="' + CSS.escape(had) + '"]')?.focus();
}

function hostChoice() {
  const select = el('select', '', {'aria-label': 'Host', 'data-name': 'host'}, el('option', '', {value: ''}, 'all hosts'));
  for (const h of [...new Set(sessions.map(s => s.host))].sort()) select.append(el('option', '', {value: h}, h || 'unnamed'));
  select.value = state.host;
  select.addEventListener('change', () => { state.host = select.value; refresh(); });
  return select;
}

// openSession shows a session, whatever is chosen, and one of its events.
function openSession(s, event) {
  if (!table.rows.includes(s)) {
    Object.assign(state, {group: 'all', root: false, failed: false, host: ''});
    if (state.result && !state.result.counts.has(s)) { $('q').value = ''; clearSearch(); }
    if (state.range && !(s.to >= state.range[0] && s.from <= state.range[1])) chart.zoom(...chart.full);
    refresh();
  }
  const tr = table.open(s);
  if (!tr) return;
  tr.scrollIntoView({block: 'start'});
  window.scrollBy(0, -64);
  tr.querySelector('.toggle').focus({preventScroll: true});
  if (event) goTo(table.opened.get(s), event);
}

// jump is a button that leads to a session.
const jump = (s, n) => button(s.person1 + (s.account && s.account !== s.person1 ? ' as ' + s.account : '') + ', ' + second(s.from).slice(5) + (n > 1 ? ' ×' + n : ''), 'link', () => openSession(s),
  {title: [s.person || s.fingerprint, s.source && 'from ' + s.source, second(s.from)].filter(Boolean).join(', ')});

function showHits() {
  const r = state.result, box = $('hits');
  $('hits-section').hidden = !r || !r.total;
  box.replaceChildren();
  if (!r || !r.total) return;
  $('hits-title').textContent = many(r.total, 'event') + ' found';
  const by = [...r.by.values()].sort((a, b) => b.n - a.n || compare(a.key, b.key));
  box.append(el('ul', 'by', {}, ...by.slice(0, 40).map(({key: [who, from, account], n}) =>
    el('li', '', {}, el('b', '', {}, el('bdi', '', {}, who)), account && account !== who ? 'as ' + account + ' ' : '', from ? 'from ' + from + ' ' : '', el('small', '', {}, '×' + grouped(n)))),
    by.length > 40 ? el('li', 'dim', {}, 'and ' + grouped(by.length - 40) + ' more') : ''));
  const list = el('div', 'hits', {tabindex: 0});
  box.append(list);
  r.hits.slice(0, 100).forEach(h => list.append(hitLine(h, r.words)));
  const rest = r.hits.slice(100);
  if (rest.length) {
    const more = button('show ' + many(rest.length, 'more event') + (r.total > r.hits.length ? ' of ' + grouped(r.total - 100) : ''), '', () => { more.replaceWith(...rest.map(h => hitLine(h, r.words))); });
    list.append(el('div', 'more', {}, more));
  }
}

function hitLine({session: s, event: e}, words) {
  const line = el('div', 'hit' + (e[E.flags] & FAILED ? ' failed' : ''), {tabindex: 0, role: s ? 'button' : 'listitem'});
  line.append(el('span', 't', {}, iso(e[E.time])), el('bdi', 'person', {title: s ? s.fingerprint : ''}, s ? marked(s.person1, words) : 'nobody let in'),
    el('bdi', 'from', {}, s ? marked(s.source, words) : ''), el('bdi', 'who' + (e[E.flags] & BECAME ? ' became' : ''), {}, e[E.user]), what(e, words));
  const go = () => { if (s) openSession(s, e); };
  line.addEventListener('click', () => { if (!String(getSelection())) go(); });
  line.addEventListener('keydown', ev => { if (ev.key === 'Enter') go(); });
  return line;
}

let running = {};
function clearSearch() {
  running.cancelled = true;
  state.query = '';
  state.result = null;
  $('found').textContent = '';
  showHits();
}

function startSearch() {
  const query = $('q').value.trim();
  if (query === state.query) return;
  clearSearch();
  state.query = query;
  if (!query) { refresh(); return; }
  const token = running = {};
  $('found').textContent = 'searching …';
  search(query, token, part => { $('found').textContent = 'searching … ' + Math.round(part * 100) + ' %'; }, result => {
    state.result = result;
    $('found').textContent = many(result.counts.size, 'session') + (result.total ? ', ' + many(result.total, 'event') : '');
    showHits();
    refresh();
  });
}
