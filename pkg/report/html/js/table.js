// A table that is sorted by its headings and makes only as many rows as are
// looked at. A column is {title, cell(row), by(row), cls, desc}; by gives what
// it sorts by, desc says that the first click sorts downwards.

class Table {
  constructor(where, columns, options) {
    Object.assign(this, {columns, step: 150, detail: null, empty: 'Nothing.', name: '', cls: ''}, options);
    this.all = [];
    this.rows = [];
    this.shown = 0;
    this.opened = new Map();
    this.head = el('tr');
    columns.forEach((c, i) => {
      const sort = c.by ? button(c.title, '', () => this.sort(i)) : c.title;
      this.head.append(el('th', c.cls, {scope: 'col'}, sort));
    });
    this.body = el('tbody');
    this.foot = el('div', 'more');
    const table = el('table', 'list ' + this.cls, {'aria-label': this.name}, el('thead', '', {}, this.head), this.body);
    where.append(el('div', 'scroll', {}, table), this.foot);
    this.body.addEventListener('click', ev => this.clicked(ev));
    this.body.addEventListener('keydown', ev => this.pressed(ev));
  }

  // set shows rows, in the order of the present sorting.
  set(rows) {
    this.all = rows;
    this.order();
  }

  sort(i, downwards) {
    const turn = this.sorted === i ? !this.down : !!this.columns[i].desc;
    this.down = downwards ?? turn;
    this.sorted = i;
    [...this.head.children].forEach((th, k) => {
      if (k === i) th.setAttribute('aria-sort', this.down ? 'descending' : 'ascending');
      else th.removeAttribute('aria-sort');
    });
    this.order();
  }

  order() {
    this.rows = this.all.slice();
    if (this.sorted !== undefined) {
      const by = this.columns[this.sorted].by, sign = this.down ? -1 : 1;
      const keyed = this.rows.map((row, i) => [by(row), i, row]);
      keyed.sort((a, b) => unknown(a[0]) - unknown(b[0]) || sign * compare(a[0], b[0]) || a[1] - b[1]);
      this.rows = keyed.map(k => k[2]);
    }
    this.body.replaceChildren();
    this.shown = 0;
    this.grow(this.step);
  }

  grow(n) {
    const part = document.createDocumentFragment();
    const end = Math.min(this.rows.length, this.shown + n);
    for (; this.shown < end; this.shown++) {
      const row = this.rows[this.shown], tr = this.row(row);
      part.append(tr);
      if (this.opened.has(row)) this.unfold(row, tr, part);
    }
    this.body.append(part);
    const left = this.rows.length - this.shown;
    this.foot.replaceChildren();
    if (!this.rows.length) this.foot.append(el('span', 'dim', {}, this.empty));
    if (left) this.foot.append(button('show ' + grouped(Math.min(left, this.step)) + ' more', '', () => this.grow(this.step)), ' ');
    if (left > this.step) this.foot.append(button('show all ' + grouped(this.rows.length), '', () => this.grow(left)));
  }

  row(row) {
    const tr = el('tr', this.detail ? 'row opens' : 'row');
    tr.of = row;
    for (const c of this.columns) tr.append(el('td', c.cls, {}, ...[c.cell(row)].flat()));
    return tr;
  }

  clicked(ev) {
    const tr = ev.target.closest('tr.row');
    if (!this.detail || !tr || ev.target.closest('a, button') || String(getSelection())) return;
    this.toggle(tr.of);
  }

  // pressed moves between the rows' buttons.
  pressed(ev) {
    const move = {ArrowDown: 1, ArrowUp: -1}[ev.key];
    if (!move || !ev.target.classList.contains('toggle')) return;
    const all = [...this.body.querySelectorAll('tr.row .toggle')];
    const next = all[all.indexOf(ev.target) + move];
    if (!next) return;
    ev.preventDefault();
    next.focus();
  }

  trOf(row) { return [...this.body.children].find(tr => tr.of === row); }

  toggle(row) { if (this.opened.has(row)) this.close(row); else this.open(row); }

  open(row) {
    const at = this.rows.indexOf(row);
    if (at < 0) return null;
    if (at >= this.shown) this.grow(at + 1 - this.shown);
    const tr = this.trOf(row);
    if (!this.opened.has(row)) {
      this.opened.set(row, this.detail(row));
      const part = document.createDocumentFragment();
      this.unfold(row, tr, part);
      tr.after(part);
    }
    return tr;
  }

  unfold(row, tr, part) {
    tr.classList.add('open');
    tr.querySelector('.toggle')?.setAttribute('aria-expanded', 'true');
    part.append(el('tr', 'detail', {}, el('td', '', {colspan: this.columns.length}, this.opened.get(row))));
  }

  close(row) {
    const tr = this.trOf(row);
    this.opened.delete(row);
    if (!tr) return;
    tr.classList.remove('open');
    tr.querySelector('.toggle')?.setAttribute('aria-expanded', 'false');
    if (tr.nextSibling?.className === 'detail') tr.nextSibling.remove();
  }
}

// unknown is 1 for what is not known, which stands last in either direction.
const unknown = v => v === null || v === undefined || v === '' ? 1 : 0;

// compare orders numbers by size and text by its letters.
const compare = (a, b) => a < b ? -1 : a > b ? 1 : 0;
