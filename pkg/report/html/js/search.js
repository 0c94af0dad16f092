// Search. A query is words, or "phrases in quotation marks". A session is found
// when all of them occur in its own row, or when one of its events has those
// that the row has not.

const lower = s => s.toLowerCase();
for (const s of sessions) {
  s.hay = lower([s.person, s.account, s.method, s.algorithm, s.fingerprint, s.keyID, s.serial, s.ca, s.ip, s.source, s.opener, s.tty, s.use,
    s.ended, s.host, s.boot, s.login, s.attribution, s.reason, iso(s.start), 'session:' + s.session, s.person1].join('\n'));
}

function wordsOf(query) {
  const words = [];
  for (const m of query.matchAll(/"([^"]*)"?|(\S+)/g)) {
    const w = m[1] ?? m[2];
    if (w) words.push(w);
  }
  return words;
}

// Fields of an event's row.
const E = {time: 0, about: 1, flags: 2, user: 3, what: 4, result: 5, program: 6, pid: 7, tty: 8, id: 9, pos: 10};
const FAILED = 1, EARLY = 2, BECAME = 4, UNKNOWN = 8;
const eventText = e => lower([e[E.user], e[E.what], e[E.result], e[E.program], e[E.tty], e[E.id], e[E.pos], iso(e[E.time])].join('\n'));

// blocksOf are the blocks of events with that name, as text.
function* blocksOf(name) {
  for (let k = 0; ; k++) {
    const block = $(name + '.' + k);
    if (!block) return;
    yield block.textContent;
  }
}

// events are all events of a session, or of a group outside of sessions.
function events(name) {
  const all = [];
  for (const text of blocksOf(name)) for (const e of JSON.parse(text)) all.push(e);
  return all;
}

// raw finds a word in the text of a block without reading the block: as JSON
// writes it, in any case. A word that is a time or a number may stand there in
// another form, so such a word lets every block through.
function raw(word) {
  if (/^[\d:. -]+$/.test(word)) return /(?:)/;
  const written = JSON.stringify(word).slice(1, -1).replace(/[<>&\u2028\u2029]/g, c => '\\u' + c.charCodeAt(0).toString(16).padStart(4, '0'));
  return new RegExp(escaped(written), 'i');
}

const mostHits = 200;

// search looks through everything and calls found(sessions, hits) once, unless
// the token has been cancelled by then. A hit is {session, event}.
async function search(query, token, progress, found) {
  const words = wordsOf(query), low = words.map(lower), raws = words.map(raw);
  const result = {words, counts: new Map(), hits: [], total: 0, by: new Map()};
  const pending = [];
  for (const s of sessions) {
    const open = low.map((w, i) => s.hay.includes(w) ? -1 : i).filter(i => i >= 0);
    if (open.length) pending.push([s, open]);
    else result.counts.set(s, 0);
  }
  if (pending.length) {
    await loaded;
    let since = performance.now();
    for (let n = 0; n < pending.length; n++) {
      const [s, open] = pending[n];
      const found = lookIn('e' + s.at, s, open, low, raws, result);
      if (found) result.counts.set(s, found);
      if (performance.now() - since > 14) {
        progress(n / pending.length);
        await breath();
        if (token.cancelled) return;
        since = performance.now();
      }
    }
  }
  await loaded;
  const all = low.map((w, i) => i);
  if (all.length) for (const name of ['refused', 'outside']) lookIn(name, null, all, low, raws, result);
  if (token.cancelled) return;
  result.hits.sort((a, b) => a.event[E.time] - b.event[E.time]);
  found(result);
}

function lookIn(name, session, open, low, raws, result) {
  let n = 0;
  for (const text of blocksOf(name)) {
    if (!open.every(i => raws[i].test(text))) continue;
    for (const event of JSON.parse(text)) {
      const hay = eventText(event);
      if (!open.every(i => hay.includes(low[i]))) continue;
      n++;
      if (result.hits.length < mostHits) result.hits.push({session, event});
    }
  }
  result.total += n;
  if (n) {
    const key = session ? [session.person1, session.ip || session.source, session.account] : ['nobody let in', '', ''];
    const had = result.by.get(key.join('\n')) || {key, n: 0};
    had.n += n;
    result.by.set(key.join('\n'), had);
  }
  return n;
}
