// The page comes alive.

$('q').addEventListener('input', later(140, startSearch));
$('q').addEventListener('keydown', ev => { if (ev.key === 'Escape') { $('q').value = ''; startSearch(); } });
document.addEventListener('keydown', ev => {
  if (ev.key !== '/' || ev.ctrlKey || ev.metaKey || ev.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(ev.target.tagName)) return;
  ev.preventDefault();
  $('q').focus();
  $('q').select();
});

// What is printed is all there is, up to some thousand rows.
const mostPrinted = 5000;
function unroll() {
  for (const s of sections) s.draw();
  if (table.shown < table.rows.length) table.grow(Math.min(mostPrinted, table.rows.length) - table.shown);
}
window.addEventListener('beforeprint', unroll);
matchMedia('print').addEventListener('change', ev => { if (ev.matches) unroll(); });

refresh();
table.sort(1, false);
performance.mark('ready');
loaded.then(() => { performance.mark('loaded'); document.documentElement.dataset.loaded = 'yes'; });
