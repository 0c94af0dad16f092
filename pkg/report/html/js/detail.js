// A session, opened: what is known of it, its commands as a tree, its timeline.

// Fields of a process's row and of its executions.
const P = {depth: 0, pid: 1, flags: 2, start: 3, failed: 4, exe: 5, execs: 6};
const X = {time: 0, text: 1, chain: 2, result: 3, cwd: 4, id: 5};
const MISSING = 1, GUESSED = 2, LOGIN = 4, FORK = 8, ORPHAN = 16;

function facts(s) {
  const dl = el('dl', 'facts');
  const say = (what, value, cls, wide) => {
    if (value !== null && value !== undefined && value !== '') dl.append(el('div', wide ? 'wide' : '', {}, el('dt', '', {}, what), el('dd', cls, {}, value)));
  };
  say('Person', s.person || (s.group === 'ssh' ? 'not named: no certificate, and no name for the key' : null));
  say('Account', s.account);
  say('From', s.ip ? s.source : s.opener, 'm');
  say('Method', [s.method, s.algorithm].filter(Boolean).join(' '));
  say('Key', s.fingerprint, 'm', true);
  say('Key ID', s.keyID, '', true);
  say('CA', s.ca && s.ca + (s.serial ? ', serial ' + s.serial : ''), 'm', true);
  say('Start', iso(s.start ?? s.first));
  say('End', s.end ? iso(s.end) : 'not in the evidence');
  say('Ended', s.ended);
  say('Lasted', s.duration === null ? null : span(s.duration));
  say('Use', s.use);
  say('Terminal', s.tty);
  say('Commands', s.commands === null ? 'not recorded' : grouped(s.commands) + (s.root ? ', ' + grouped(s.root) + ' as root' : ''));
  say('Failures', s.failures === null ? 'not recorded' : grouped(s.failures));
  say('Host', s.host);
  say('Session', s.session && s.session + ' of boot ' + s.boot, 'm', true);
  say('Login', s.login, 'm', true);
  say('Joined by', s.attribution === 'none' ? 'nobody: ' + (s.reason || 'no reason given') : s.attribution === 'sshd' ? s.evidence : s.attribution, '', true);
  return dl;
}

// A long list of lines, some hundreds at a time.
class Lines {
  constructor(make, step = 400) {
    this.make = make;
    this.step = step;
    this.box = el('div', 'lines', {tabindex: 0, role: 'list'});
    this.foot = el('div', 'more');
  }

  set(rows, note) {
    this.rows = rows;
    this.shown = 0;
    this.note = note;
    this.box.replaceChildren();
    this.grow(this.step);
  }

  grow(n) {
    const part = document.createDocumentFragment(), end = Math.min(this.rows.length, this.shown + n);
    for (; this.shown < end; this.shown++) {
      const line = this.make(this.rows[this.shown], this.shown);
      line.setAttribute('role', 'listitem');
      part.append(line);
    }
    this.box.append(part);
    const left = this.rows.length - this.shown;
    this.foot.replaceChildren(...(left ? [button('show ' + grouped(Math.min(left, 1000)) + ' more of ' + grouped(left), '', () => this.grow(1000))] : []),
      ...(this.note ? [el('span', 'dim', {}, ' ' + this.note)] : []));
    if (!this.rows.length) this.box.append(el('div', 'line dim', {}, 'Nothing.'));
  }
}

function eventLine(e, words, day) {
  const flags = e[E.flags];
  const line = el('div', 'line' + (flags & FAILED ? ' failed' : '') + (flags & EARLY ? ' early' : '') + (flags & BECAME ? ' became' : ''));
  line.append(el('time', '', {title: iso(e[E.time]) + ' UTC'}, day ? iso(e[E.time]) : clock(e[E.time])), el('span', 'about', {}, e[E.about]), el('bdi', 'who', {title: e[E.user]}, e[E.user]), what(e, words),
    el('bdi', 'id', {title: e[E.id] + '  ' + e[E.pos]}, e[E.id] ? e[E.id] + '  ' + e[E.pos] : e[E.pos]));
  return line;
}

// what is what an event says was done, by which program, and what became of it.
function what(e, words) {
  const x = el('bdi', 'x', {}, e[E.flags] & EARLY ? el('span', 'note', {}, 'while logging in: ') : '', long(e[E.what], words));
  if (e[E.program] && !['command', 'login'].includes(e[E.about]) && !e[E.what].startsWith(e[E.program] + ' ')) x.append(el('span', 'note', {}, '  by ' + e[E.program]));
  if (e[E.result]) x.append(el('span', 'result', {}, '  (' + e[E.result] + ')'));
  return x;
}

// treeLines are the lines of a tree: one for each execution, and one for a
// process without any.
function treeLines(rows, all) {
  const lines = [], paths = [];
  let hidden = 0, skip = Infinity;
  for (const p of rows) {
    if (p[P.depth] > skip && !all) { hidden++; continue; }
    skip = Infinity;
    if (!all && p[P.flags] & (LOGIN | FORK)) {
      hidden++;
      if (p[P.flags] & LOGIN) skip = p[P.depth];
      continue;
    }
    let said = '';
    for (let d = p[P.depth] - 1; d >= 0 && !said; d--) said = chainAt(paths[d], p[P.start]);
    let cwd = paths.slice(0, p[P.depth]).findLast(q => q && q[P.execs].length)?.[P.execs].at(-1)[X.cwd];
    const execs = p[P.execs].length ? p[P.execs] : [null];
    execs.forEach((x, i) => {
      const chain = x ? x[X.chain].join(' → ') : '';
      const changed = x && !x[X.result] && chain !== said && (said || x[X.chain].length > 2);
      lines.push({p, x, first: i === 0, end: i === execs.length - 1, chain: changed ? chain : '', cwd: x && x[X.cwd] !== cwd ? x[X.cwd] : ''});
      if (x) cwd = x[X.cwd];
      if (x && !x[X.result]) said = chain;
    });
    paths.length = p[P.depth];
    paths[p[P.depth]] = p;
  }
  return {lines, hidden};
}

// chainAt is who a process was at a time.
function chainAt(p, time) {
  const x = p && p[P.execs].findLast(x => !x[X.result] && x[X.time] <= time);
  return x ? x[X.chain].join(' → ') : '';
}

function treeLine(l, words) {
  const {p, x} = l, flags = p[P.flags];
  const line = el('div', 'line' + (x && x[X.result] ? ' failed' : '') + (flags & LOGIN ? ' early' : ''));
  const guide = el('span', 'guide');
  guide.style.width = Math.min(p[P.depth], 40) * 16 + 'px';
  line.append(el('time', '', {}, clock(x ? x[X.time] : p[P.start])), guide, el('span', 'pid', {}, l.first ? '[' + p[P.pid] + ']' : '↪'));
  const text = el('bdi', 'x');
  if (l.chain) text.append(el('span', 'chain', {}, l.chain));
  if (!x) text.append(el('span', 'note', {}, idle(p)));
  else {
    text.append(long(x[X.text], words));
    if (x[X.result]) text.append(el('span', 'result', {}, '  (' + x[X.result] + ')'));
    if (l.cwd) text.append(el('span', 'cwd', {}, '  in ' + l.cwd));
  }
  if (l.end && p[P.failed] > 0) text.append(el('span', 'result', {}, '  (' + many(p[P.failed], 'failed action') + ')'));
  if (l.end && flags & ORPHAN) text.append(el('span', 'note', {}, '  (parent: pid 1)'));
  line.append(text, el('bdi', 'id', {}, x ? x[X.id] : ''));
  return line;
}

function idle(p) {
  if (p[P.flags] & MISSING) return p[P.flags] & GUESSED ? 'not in the evidence; under this sudo by the command it announced' : 'not in the evidence';
  return base(p[P.exe]) || 'a process';
}

// sessionView is what a session's row opens to. Its data is read when the
// whole page is there.
function sessionView(s, words) {
  const box = el('div', 'session', {role: 'region', 'aria-label': 'Session of ' + s.person1}, facts(s));
  const tools = el('div', 'tools'), body = el('div');
  box.append(tools, body);
  body.append(el('p', 'dim', {}, 'reading …'));
  box.ready = loaded.then(() => fill(s, tools, body, words));
  return box;
}

function fill(s, tools, body, words) {
  const rows = read('t' + s.at) || [], list = events('e' + s.at);
  const tabs = {};
  const show = (name, make) => {
    for (const t in tabs) tabs[t].setAttribute('aria-pressed', t === name);
    body.replaceChildren(...make());
  };
  const tab = (name, text, make) => {
    tabs[name] = button(text, '', () => show(name, make), {'aria-pressed': false});
    tools.append(tabs[name]);
    return make;
  };
  const tree = tab('tree', 'Commands', () => treeView(rows, s, words));
  const line = tab('timeline', 'Timeline (' + many(list.length, 'event') + ')', () => timelineView(list, s, words));
  const kinds = new Map();
  for (const e of list) kinds.set(e[E.about], (kinds.get(e[E.about]) || 0) + 1);
  for (const k of ['file', 'network', 'privilege']) if (kinds.get(k)) tab(k, {file: 'Files', network: 'Connections', privilege: 'Privilege'}[k] + ' (' + grouped(kinds.get(k)) + ')', () => timelineView(list.filter(e => e[E.about] === k), s, words));
  const failed = list.filter(e => e[E.flags] & FAILED);
  if (failed.length) tab('failed', 'Failed (' + grouped(failed.length) + ')', () => timelineView(failed, s, words));
  if (rows.length) show('tree', tree); else show('timeline', line);
  return {timeline: () => show('timeline', line), body};
}

function treeView(rows, s, words) {
  const short = treeLines(rows, false);
  const lines = new Lines(l => treeLine(l, words));
  let all = !short.lines.length;
  const extra = el('div', 'more');
  const show = () => {
    const t = all ? treeLines(rows, true) : short;
    lines.set(t.lines, s.commands === null ? 'executions were not recorded' : '');
    extra.replaceChildren(...(short.hidden ? [button(all ? 'hide' : 'show ' + many(short.hidden, 'process', 'processes') + ' run by the login itself or without a program', 'link', () => { all = !all; show(); })] : []));
  };
  show();
  return [lines.box, lines.foot, extra];
}

function timelineView(list, s, words) {
  const days = list.length && iso(list[0][E.time]).slice(0, 10) !== iso(list.at(-1)[E.time]).slice(0, 10);
  const lines = new Lines(e => { const line = eventLine(e, words, days); line.of = e; return line; });
  lines.set(list);
  lines.box.lines = lines;
  return [lines.box, lines.foot];
}

// goTo shows one event in an open session.
async function goTo(box, event) {
  const view = await box.ready;
  view.timeline();
  const lines = view.body.querySelector('.lines').lines;
  const at = lines.rows.findIndex(e => e[E.id] === event[E.id] && e[E.time] === event[E.time] && e[E.what] === event[E.what]);
  if (at < 0) return;
  if (at >= lines.shown) lines.grow(at + 50 - lines.shown);
  const line = lines.box.children[at];
  line.classList.add('target');
  lines.box.scrollTop = line.offsetTop - lines.box.offsetTop - 80;
}
