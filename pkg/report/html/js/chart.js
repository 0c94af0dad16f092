// The chart: sessions over time, a lane for each person. Drag to look closer;
// with the keyboard, arrows go from session to session and Enter opens one.

class Chart {
  constructor(where, pick, ranged) {
    Object.assign(this, {pick, ranged, all: sessions, kept: new Set(sessions), few: true});
    this.tools = el('div', 'tools');
    this.box = el('div');
    this.tip = el('div', 'tip', {'aria-live': 'polite'});
    where.append(this.tools, this.box, this.tip);
    this.full = this.extent();
    this.range = this.full.slice();
    this.width = 0;
    if (window.ResizeObserver) new ResizeObserver(() => { if (Math.abs(this.box.clientWidth - this.width) > 2) this.draw(); }).observe(this.box);
    this.draw();
  }

  extent() {
    let from = Infinity, to = -Infinity;
    for (const s of sessions) { from = Math.min(from, s.from); to = Math.max(to, s.to); }
    if (from > to) return [0, 1];
    const air = Math.max(1000, (to - from) / 100);
    return [from - air, to + air];
  }

  lanes() {
    const byWho = new Map();
    for (const s of sessions) {
      if (!byWho.has(s.person1 + s.group)) byWho.set(s.person1 + s.group, {who: s.person1, group: s.group, list: []});
      byWho.get(s.person1 + s.group).list.push(s);
    }
    const rank = {ssh: 0, none: 1, local: 2};
    return [...byWho.values()].sort((a, b) => rank[a.group] - rank[b.group] || b.list.length - a.list.length || compare(a.who, b.who));
  }

  // zoom looks at a part of the time, at least a second of it.
  zoom(from, to) {
    from = Math.max(from, this.full[0]);
    to = Math.min(to, this.full[1]);
    if (to - from < 1000) { const mid = (from + to) / 2; from = mid - 500; to = mid + 500; }
    this.range = [from, to];
    this.draw();
    this.ranged(this.zoomed() ? this.range : null);
  }

  zoomed() { return this.range[0] > this.full[0] || this.range[1] < this.full[1]; }

  by(factor) {
    const [a, b] = this.range, mid = (a + b) / 2, half = (b - a) / 2 * factor;
    this.zoom(mid - half, mid + half);
  }

  move(part) {
    const [a, b] = this.range, d = Math.max(this.full[0] - a, Math.min(this.full[1] - b, (b - a) * part));
    this.zoom(a + d, b + d);
  }

  draw() {
    this.width = this.box.clientWidth || 900;
    const left = this.width < 700 ? 96 : 178, width = this.width;
    const [from, to] = this.range;
    const x = t => left + (t - from) / (to - from) * (width - left - 6);
    const every = this.lanes(), most = 30;
    const lanes = this.few ? every.slice(0, most) : every;
    const picture = svg('svg', {role: 'img', tabindex: 0, 'aria-label': 'Sessions over time, by person. Arrow keys go from session to session, Enter opens one.'});
    this.marks = new Map();
    let y = 22;
    const back = svg('g', {}), front = svg('g', {});
    lanes.forEach((lane, i) => {
      const rows = this.pack(lane.list, x, left), height = Math.max(18, rows.count * 10 + 6);
      if (i % 2 === 0) back.append(svg('rect', {class: 'stripe', x: 0, y, width, height}));
      this.label(front, lane, y, left);
      for (const [s, row] of rows.at) this.bar(front, s, x, left, y + 3 + row * 10);
      y += height;
    });
    this.ticks(back, x, left, y);
    picture.append(back, front);
    picture.setAttribute('viewBox', '0 0 ' + width + ' ' + (y + 2));
    this.listen(picture, left);
    this.box.replaceChildren(picture);
    this.controls(every.length, most);
    this.paint();
  }

  // pack puts sessions that overlap under each other, down to the eighth row.
  pack(list, x, left) {
    const ends = [], at = [];
    for (const s of list) {
      if (s.to < this.range[0] || s.from > this.range[1]) continue;
      const a = Math.max(left, x(s.from)), b = Math.max(a + 3, x(s.to));
      let row = ends.findIndex(end => end < a);
      if (row < 0) row = ends.length < 8 ? ends.length : at.length % 8;
      ends[row] = Math.max(ends[row] ?? 0, b + 1);
      at.push([s, row]);
    }
    return {at, count: Math.max(1, ends.length)};
  }

  label(group, lane, y, left) {
    const size = Math.floor((left - 44) / 6.4);
    const name = lane.who.length > size ? lane.who.slice(0, size - 1) + '…' : lane.who;
    const text = svg('text', {x: 6, y: y + 13});
    text.append(name);
    const title = svg('title', {}, lane.who);
    text.append(title);
    group.append(text, svg('text', {class: 'count', x: left - 8, y: y + 13, 'text-anchor': 'end'}, grouped(lane.list.length)));
  }

  bar(group, s, x, left, y) {
    const a = Math.max(left, x(s.from)), b = Math.min(this.width - 2, Math.max(a + 3, x(s.to)));
    const mark = svg('rect', {class: 's ' + (s.group === 'ssh' && s.root ? 'root' : s.group), x: a.toFixed(1), y, width: Math.max(3, b - a).toFixed(1), height: 8, rx: 1.5});
    mark.of = s;
    this.marks.set(s, mark);
    group.append(mark);
  }

  ticks(group, x, left, bottom) {
    const [from, to] = this.range;
    const steps = [1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 1209600, 2592000, 7776000, 31536000].map(v => v * 1000);
    const step = steps.find(v => (to - from) / v <= Math.max(3, (this.width - left) / 105)) ?? steps.at(-1);
    for (let t = Math.ceil(from / step) * step; t <= to; t += step) {
      const day = t % 86400000 === 0 || step >= 86400000;
      group.append(svg('line', {class: 'grid', x1: x(t), x2: x(t), y1: 16, y2: bottom}),
        svg('text', {class: 'tick', x: x(t), y: 11, 'text-anchor': 'middle'}, day ? iso(t).slice(0, 10) : step < 60000 ? iso(t).slice(11, 19) : iso(t).slice(11, 16)));
    }
  }

  listen(picture, left) {
    const [from, to] = this.range;
    const time = ev => {
      const r = picture.getBoundingClientRect(), at = (ev.clientX - r.left) * this.width / r.width;
      return from + Math.max(0, Math.min(1, (at - left) / (this.width - left - 6))) * (to - from);
    };
    let start = null, brush = null;
    picture.addEventListener('pointerdown', ev => { if (ev.button === 0 && ev.pointerType !== 'touch') start = {t: time(ev), x: ev.clientX, of: ev.target.of}; });
    picture.addEventListener('pointermove', ev => {
      if (ev.target.of) this.say(ev.target.of);
      if (!start || Math.abs(ev.clientX - start.x) < 5) return;
      if (!brush) { brush = svg('rect', {class: 'brush', y: 14, height: 99999}); picture.append(brush); picture.setPointerCapture(ev.pointerId); }
      const x = t => left + (t - from) / (to - from) * (this.width - left - 6), t = time(ev);
      brush.setAttribute('x', x(Math.min(t, start.t)));
      brush.setAttribute('width', Math.abs(x(t) - x(start.t)));
    });
    picture.addEventListener('pointerup', ev => {
      const t = start && brush ? time(ev) : null, s = start;
      start = brush = null;
      if (t !== null) this.zoom(Math.min(t, s.t), Math.max(t, s.t));
      else if (s && s.of) this.pick(s.of);
    });
    picture.addEventListener('dblclick', () => this.zoom(...this.full));
    picture.addEventListener('keydown', ev => this.pressed(ev));
  }

  pressed(ev) {
    const list = sessions.filter(s => this.kept.has(s) && this.marks.has(s));
    const move = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1}[ev.key];
    if (move && list.length) {
      const at = list.indexOf(this.on);
      this.say(list[Math.max(0, Math.min(list.length - 1, at < 0 ? 0 : at + move))]);
    } else if (ev.key === 'Enter' && this.on) this.pick(this.on);
    else if (ev.key === '+') this.by(0.5);
    else if (ev.key === '-') this.by(2);
    else return;
    ev.preventDefault();
  }

  // say names a session below the chart.
  say(s) {
    this.marks.get(this.on)?.classList.remove('on');
    this.on = s;
    this.marks.get(s)?.classList.add('on');
    this.tip.textContent = [second(s.from) + ' – ' + (s.end ? second(s.end) : '?'), s.person1, s.account && 'as ' + s.account, s.source && 'from ' + s.source,
      s.use, s.commands === null ? 'commands not recorded' : many(s.commands, 'command'), s.root ? s.root + ' as root' : '', s.ended].filter(Boolean).join(' · ');
  }

  controls(count, most) {
    const key = (cls, text) => el('span', '', {}, el('i', 'key ' + cls), text);
    this.tools.replaceChildren(
      button('−', '', () => this.by(2), {title: 'Zoom out', 'aria-label': 'Zoom out'}), button('+', '', () => this.by(0.5), {title: 'Zoom in', 'aria-label': 'Zoom in'}),
      button('◀', '', () => this.move(-0.5), {title: 'Earlier', 'aria-label': 'Earlier'}), button('▶', '', () => this.move(0.5), {title: 'Later', 'aria-label': 'Later'}),
      ...(this.zoomed() ? [button('all time', '', () => this.zoom(...this.full))] : []),
      ...(count > most ? [button(this.few ? 'all ' + count + ' lanes' : 'fewer lanes', '', () => { this.few = !this.few; this.draw(); })] : []),
      el('span', 'dim', {}, second(this.range[0]) + ' – ' + second(this.range[1])), el('span', 'gap'),
      el('span', 'legend', {}, key('ssh', 'SSH'), key('root', 'SSH, with commands as root'), key('none', 'unattributed'), key('local', 'local')));
  }

  // keep pales all other sessions.
  keep(list) { this.kept = new Set(list); this.paint(); }

  paint() { for (const [s, mark] of this.marks) mark.classList.toggle('out', !this.kept.has(s)); }
}
