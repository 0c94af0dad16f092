// The lists by name: privilege use, files, connections, refused logins. Each
// is read and drawn when it comes near the screen, or the page is printed.

const sections = [];

// section draws something into a place once it is needed.
function section(id, draw) {
  const where = $(id);
  if (!where) return;
  const it = {drawn: false, draw: () => { if (!it.drawn) { it.drawn = true; where.replaceChildren(); draw(where); } }};
  sections.push(it);
  where.append(el('p', 'dim', {}, '…'));
  loaded.then(() => {
    if (!window.IntersectionObserver) { it.draw(); return; }
    const watch = new IntersectionObserver(seen => { if (seen.some(s => s.isIntersecting)) { watch.disconnect(); it.draw(); } }, {rootMargin: '600px'});
    watch.observe(where);
  });
}

const counted = (list, most = 4) => {
  const e = el('span', '', {title: list.map(([name, n]) => name + ' ×' + n).join('\n')});
  list.slice(0, most).forEach(([name, n], i) => e.append(i ? ', ' : '', el('bdi', '', {}, name), n > 1 ? el('small', '', {}, ' ×' + grouped(n)) : ''));
  if (list.length > most) e.append(el('small', '', {}, ' and ' + grouped(list.length - most) + ' more'));
  return e;
};

// places are the sessions that an item occurs in, each a way there.
const places = row => {
  const e = el('ul', 'places');
  for (const [at, n] of row[I.sessions]) e.append(el('li', '', {}, jump(sessions[at], n)));
  if (row[I.more]) e.append(el('li', 'dim', {}, 'and more, which the search above finds'));
  return e;
};

const people = list => [...new Set(list.map(([at]) => sessions[at].person1))];

// Fields of an item's row.
const I = {name: 0, verbs: 1, total: 2, failed: 3, first: 4, last: 5, sessions: 6, more: 7};

// itemList is a list of items with a field to narrow it down.
function itemList(where, id, names) {
  const {rows, beyond} = read(id);
  if (!rows.length) { where.append(el('p', 'dim', {}, names.none)); return; }
  const remote = r => r[I.sessions].some(([at]) => sessions[at].group !== 'local');
  const only = button('not only by local sessions', '', () => { only.setAttribute('aria-pressed', only.getAttribute('aria-pressed') !== 'true'); narrow(); }, {'aria-pressed': true});
  const field = el('input', '', {type: 'search', placeholder: 'narrow down', 'aria-label': 'Narrow down ' + names.plural, spellcheck: 'false'});
  const count = el('span', 'dim', {role: 'status'});
  where.append(el('div', 'tools', {}, field, rows.every(remote) ? '' : only, count));
  const table = new Table(where, [
    {title: '', cls: '', cell: r => button('▸', 'toggle', () => table.toggle(r), {'aria-expanded': 'false', 'aria-label': 'Sessions of ' + r[I.name]})},
    {title: names.title, cls: 'mono', by: r => r[I.name], cell: r => el('bdi', '', {}, long(r[I.name]))},
    {title: names.verbs, cls: 'wrap c-mid', by: r => r[I.verbs][0]?.[0], cell: r => counted(r[I.verbs])},
    {title: names.events || 'Events', cls: 'n', desc: true, by: r => r[I.total], cell: r => grouped(r[I.total])},
    ...(names.failed === false ? [] : [{title: 'Failed', cls: 'n', desc: true, by: r => r[I.failed], cell: r => r[I.failed] ? el('span', 'bad', {}, grouped(r[I.failed])) : ''}]),
    {title: 'First', cls: 't c-low', by: r => r[I.first], cell: r => second(r[I.first])},
    {title: 'Last', cls: 't c-low', by: r => r[I.last], desc: true, cell: r => second(r[I.last])},
    {title: 'Sessions', cls: 'n', by: r => r[I.sessions].length, desc: true, cell: r => grouped(r[I.sessions].length) + (r[I.more] ? '+' : '')},
    {title: 'By', cls: '', by: r => people(r[I.sessions]).length, desc: true, cell: r => clip(people(r[I.sessions]).join(', '), 'w30')},
  ], {name: names.plural, cls: 'items', step: names.step || 40, detail: places});
  const narrow = () => {
    const words = wordsOf(field.value).map(lower);
    const some = only.isConnected && only.getAttribute('aria-pressed') === 'true' ? rows.filter(remote) : rows;
    const found = words.length ? some.filter(r => { const hay = lower(r[I.name] + '\n' + r[I.verbs].map(v => v[0]).join('\n') + '\n' + people(r[I.sessions]).join('\n')); return words.every(w => hay.includes(w)); }) : some;
    count.textContent = (found.length < rows.length ? grouped(found.length) + ' of ' : '') + many(rows.length, names.one, names.plural) +
      (beyond ? '; ' + many(beyond, 'event') + ' with later ones can be found by the search above' : '');
    table.set(found);
  };
  field.addEventListener('input', later(120, narrow));
  table.sort(3, true);
  narrow();
}

section('privilege-list', where => {
  itemList(where, 'privileges', {title: 'Who, as whom', verbs: 'Became so by', events: 'Commands', failed: false, one: 'chain', plural: 'chains', none: 'No command ran as root or as another user than the account.'});
  if (read('denied').rows.length) {
    const under = el('div', '', {}, el('h3', '', {}, 'Attempts that failed'));
    where.append(under);
    itemList(under, 'denied', {title: 'Attempt', verbs: 'With', one: 'kind of attempt', plural: 'kinds of attempt', step: 20});
  }
});

section('file-list', where => itemList(where, 'files', {title: 'Path', verbs: 'What', one: 'path', plural: 'paths', none: 'No event names a file. Either nothing was touched or no audit rule recorded it.'}));

section('socket-list', where => itemList(where, 'sockets', {title: 'Address', verbs: 'What', one: 'address', plural: 'addresses', none: 'No event names an address. Either no connection was made or no audit rule recorded it.'}));

section('refusal-list', where => {
  const rows = read('refusals');
  if (!rows.length) { where.append(el('p', 'dim', {}, 'sshd refused nobody.')); return; }
  const table = new Table(where, [
    {title: 'From', cls: 'nobr mono', by: r => addressKey(r[0]), cell: r => el('bdi', '', {}, r[0])},
    {title: 'Refused', cls: 'n', desc: true, by: r => r[1], cell: r => el('b', 'bad', {}, grouped(r[1]))},
    {title: 'Let in', cls: 'n', desc: true, by: r => r[2], cell: r => r[2] ? el('b', 'warm', {}, grouped(r[2])) : '0'},
    {title: 'First', cls: 't c-low', by: r => r[3], cell: r => second(r[3])},
    {title: 'Last', cls: 't c-mid', by: r => r[4], desc: true, cell: r => second(r[4])},
    {title: 'Accounts', cls: '', by: r => r[5].length, desc: true, cell: r => counted(r[5])},
    {title: 'Reasons', cls: '', by: r => r[6][0]?.[0], cell: r => counted(r[6], 3)},
    {title: 'Methods', cls: 'c-mid', by: r => r[7][0]?.[0], cell: r => counted(r[7], 3)},
    {title: 'Keys', cls: 'n c-mid', by: r => r[8].length, desc: true, cell: r => r[8].length ? el('span', '', {title: r[8].map(k => k[0]).join('\n')}, grouped(r[8].length)) : ''},
  ], {name: 'Refused logins by source', step: 40});
  table.all = rows;
  table.sort(1, true);
  each(where, 'refused', 'show every refused login');
});

section('outside-list', where => each(where, 'outside', 'show events of no session'));

// each lists all events of a group, when asked for.
function each(where, name, title) {
  const n = Number(where.dataset.n);
  if (!n) return;
  const box = el('div', 'more');
  box.append(button(title + ' (' + grouped(n) + ')', '', () => {
    const lines = new Lines(e => eventLine(e, null, true));
    lines.set(events(name));
    box.replaceChildren(lines.box, lines.foot);
    box.className = '';
  }));
  where.append(box);
}
