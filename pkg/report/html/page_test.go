package html_test

import (
	"bytes"
	"image/png"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// These tests look at reports in a real browser.

const visibleRows = `[...document.querySelectorAll('.sessions tr.row')].map(r => r.cells[4].textContent + '|' + r.cells[6].textContent).join('\n')`

// colours counts the colours of a picture, and tells its most frequent one.
func colours(t *testing.T, shot []byte) (different int, common [3]uint32) {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(shot))
	must(t, err)
	n := map[[3]uint32]int{}
	for y := img.Bounds().Min.Y; y < img.Bounds().Max.Y; y += 2 {
		for x := img.Bounds().Min.X; x < img.Bounds().Max.X; x += 2 {
			r, g, b, _ := img.At(x, y).RGBA()
			n[[3]uint32{r >> 8, g >> 8, b >> 8}]++
		}
	}
	most := 0
	for c, k := range n {
		if k > most {
			common, most = c, k
		}
	}
	return len(n), common
}

// The way of a responder: who read /etc/shadow, and from where?
func TestInBrowser(t *testing.T) {
	b := browse(t, save(t, render(t, testCase(), append(many(20, 600), story()...)...)))
	if n, _ := colours(t, b.shot()); n < 20 {
		t.Errorf("the page has %d colours: it looks blank", n)
	}
	if got := eval[int](b, `document.querySelectorAll('#chart rect.s').length`); got != 21 {
		t.Errorf("%d sessions in the chart, want 21", got)
	}

	b.search("/etc/shadow")
	if got := eval[string](b, visibleRows); got != "alice@example.com|192.0.2.44" {
		t.Errorf("sessions found: %q", got)
	}
	hits := eval[string](b, `document.getElementById('hits').textContent`)
	for _, want := range []string{"alice@example.com", "192.0.2.44:4711", "deploy→root", "$ cat /etc/shadow"} {
		if !strings.Contains(hits, want) {
			t.Errorf("not among the events found: %s", want)
		}
	}
	if got := eval[string](b, `document.querySelector('#hits mark').textContent`); got != "/etc/shadow" {
		t.Errorf("marked: %q", got)
	}

	must(t, chromedp.Do(b.ctx, chromedp.Click(chromedp.CSS(".sessions tr.row .toggle"))))
	b.until(`document.querySelector('.session .lines .line')`)
	tree := eval[string](b, `document.querySelector('.session .lines').textContent`)
	for _, want := range []string{"[202]", "alice@example.com → deploy → root", "cat /etc/shadow"} {
		if !strings.Contains(tree, want) {
			t.Errorf("not in the tree: %s in %q", want, tree)
		}
	}
	must(t, chromedp.Do(b.ctx, chromedp.Click(chromedp.CSS(".session .tools button:nth-child(2)"))))
	if got := eval[string](b, `document.querySelector('.session .lines').textContent`); !strings.Contains(got, "logged in from 192.0.2.44") {
		t.Errorf("the timeline has no login: %q", got)
	}
	must(t, chromedp.Do(b.ctx, chromedp.Click(chromedp.CSS(".sessions tr.row .toggle"))))
	if n := eval[int](b, `document.querySelectorAll('.session').length`); n != 0 {
		t.Error("the session does not close")
	}
	b.search("no such thing")
	if n := eval[int](b, `document.querySelectorAll('.sessions tr.row').length`); n != 0 {
		t.Errorf("%d sessions for words that are nowhere", n)
	}
	b.search(`203.0.113.9`)
	if got := eval[string](b, `document.getElementById('hits').textContent`); !strings.Contains(got, "not in AllowUsers") {
		t.Errorf("a refused login is not found: %q", got)
	}
	b.quiet()
}

func TestSortInBrowser(t *testing.T) {
	unseen := &visit{id: 99, person: "zoe", account: "zoe", ip: "192.0.2.1", host: "web1"}
	unseen.in(1e6)
	b := browse(t, save(t, render(t, nil, slices.Concat(many(20, 600), story(), unseen.events)...)))
	column := func(i int) []string {
		return eval[[]string](b, `[...document.querySelectorAll('.sessions tr.row')].map(r => r.cells[`+strconv.Itoa(i)+`].textContent)`)
	}
	sort := func(title string) {
		eval[bool](b, `[...document.querySelectorAll('.sessions th button')].find(x => x.textContent === '`+title+`').click() ?? true`)
	}
	sort("Person or key")
	if up := column(4); !slices.IsSorted(up) || len(up) != 22 {
		t.Errorf("not sorted by person: %q", up)
	}
	sort("Person or key")
	down := column(4)
	slices.Reverse(down)
	if !slices.IsSorted(down) {
		t.Errorf("not sorted downwards by person: %q", down)
	}
	if got := eval[string](b, `document.querySelector('.sessions th[aria-sort]').getAttribute('aria-sort')`); got != "descending" {
		t.Errorf("aria-sort is %q", got)
	}
	sort("As root")
	if got := column(10); got[len(got)-1] != "–" || got[0] == "–" {
		t.Errorf("what is not known does not stand last: %q", got)
	}
	eval[bool](b, `[...document.querySelectorAll('#table .tools button')].find(x => x.textContent.startsWith('with failures')).click() ?? true`)
	if got := eval[string](b, visibleRows); got != "alice@example.com|192.0.2.44" {
		t.Errorf("with failures: %q", got)
	}
	b.quiet()
}

// All can be reached without a mouse.
func TestKeyboardInBrowser(t *testing.T) {
	b := browse(t, save(t, render(t, nil, append(many(5, 100), story()...)...)))
	keys := func(k string) { must(t, chromedp.Do(b.ctx, chromedp.KeyEvent(k))) }
	keys("/")
	if got := eval[string](b, `document.activeElement.id`); got != "q" {
		t.Fatalf("/ leads to %q", got)
	}
	// While the page still loads its events, the table may be drawn anew under
	// the focus: a person presses the key again.
	again := func(what string, press func(), done string) {
		for range 60 {
			press()
			for range 10 {
				if eval[bool](b, done) {
					return
				}
				time.Sleep(50 * time.Millisecond)
			}
		}
		t.Fatal(what)
	}
	again("arrow down does not lead to the next session", func() {
		eval[bool](b, `document.querySelector('.sessions .toggle').focus() ?? true`)
		keys(kb.ArrowDown)
	}, `document.activeElement === document.querySelectorAll('.sessions .toggle')[1]`)
	again("enter does not open the session", func() {
		eval[bool](b, `document.querySelectorAll('.sessions .toggle')[1].focus() ?? true`)
		keys("\r")
	}, `!!document.querySelector('.session')`)
	eval[bool](b, `document.querySelector('#chart svg').focus() ?? true`)
	eval[bool](b, `document.querySelector('#chart svg').dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight'}))`)
	if got := eval[string](b, `document.querySelector('.tip').textContent`); !strings.Contains(got, "from ") {
		t.Errorf("the chart names no session: %q", got)
	}
	b.quiet()
}

// Hostile strings are text, wherever they come up.
func TestHostileInBrowser(t *testing.T) {
	events, c := hostile()
	b := browse(t, save(t, render(t, c, events...)))
	eval[bool](b, `window.dispatchEvent(new Event('beforeprint'))`)
	eval[bool](b, `document.querySelectorAll('.list .toggle').forEach(x => x.click()) ?? true`)
	b.until(`document.querySelector('.session .lines .line')`)
	eval[bool](b, `document.querySelectorAll('.session .tools').forEach(t => [...t.children].forEach(x => x.click())) ?? true`)
	eval[bool](b, `document.querySelectorAll('.more button').forEach(x => x.click()) ?? true`)
	b.search(`onerror`)
	if got := eval[int](b, `document.querySelectorAll('.hit').length`); got < 1 {
		t.Error("no event found by a hostile word")
	}
	b.search(`</script><img`)
	if got := eval[string](b, `document.querySelector('mark').textContent`); got != "</script><img" {
		t.Errorf("marked %q", got)
	}
	for expression, want := range map[string]int{
		`document.images.length`:                                                                                      0,
		`document.querySelectorAll('script:not([type])').length`:                                                      1,
		`document.querySelectorAll('iframe, object, embed, form, link, base').length`:                                 0,
		`[...document.querySelectorAll('*')].filter(e => e.getAttributeNames().some(a => a.startsWith('on'))).length`: 0,
		`[.../[\u202a-\u202e\u2066-\u2069\u0000\u001b]/.exec(document.body.innerText) ?? []].length`:                  0,
	} {
		if got := eval[int](b, expression); got != want {
			t.Errorf("%s = %d, want %d", expression, got, want)
		}
	}
	if title := eval[string](b, `document.title`); title == "owned" {
		t.Error("the attacker's script ran")
	}
	b.quiet()
}

// The page can be printed, with all its lists, and has a dark scheme.
func TestSchemesInBrowser(t *testing.T) {
	b := browse(t, save(t, render(t, testCase(), append(many(20, 600), story()...)...)))
	_, light := colours(t, b.shot())
	b.media("", "dark")
	n, dark := colours(t, b.shot())
	if light[0] < 200 || dark[0] > 60 || n < 20 {
		t.Errorf("background %v in the light scheme and %v in the dark, %d colours", light, dark, n)
	}
	b.media("print", "dark")
	b.until(`document.querySelectorAll('#file-list tr.row').length > 0`)
	if n, paper := colours(t, b.shot()); paper != [3]uint32{255, 255, 255} || n < 20 {
		t.Errorf("printed on %v with %d colours", paper, n)
	}
	if display := eval[string](b, `getComputedStyle(document.getElementById('bar')).display`); display != "none" {
		t.Errorf("the search field is printed: display %s", display)
	}
	b.media("", "light")
	must(t, chromedp.Do(b.ctx, chromedp.EmulateViewport(390, 800)))
	if wide := eval[int](b, `document.documentElement.scrollWidth`); wide > 390 {
		t.Errorf("the page is %d wide on a screen of 390", wide)
	}
	pdf, err := chromedp.Run(b.ctx, chromedp.PrintToPDF(chromedp.PDFPrintBackground()))
	if err != nil || !bytes.HasPrefix(pdf, []byte("%PDF")) {
		t.Errorf("print to PDF: %v", err)
	}
	b.quiet()
}

// A large report can be used soon, and has few elements.
func TestLargeInBrowser(t *testing.T) {
	if testing.Short() || raceDetector {
		t.Skip("takes some seconds, and a minute under the race detector")
	}
	page := render(t, nil, many(5000, 200_000)...)
	b := browse(t, save(t, page))
	type timing struct{ Ready, Loaded float64 }
	at := eval[timing](b, `({Ready: performance.getEntriesByName('ready')[0].startTime, Loaded: performance.getEntriesByName('loaded')[0].startTime})`)
	elements := eval[int](b, `document.querySelectorAll('*').length - document.querySelectorAll('script').length`)
	// One in 40 sessions has the person, nearly all have the file.
	searched := eval[float64](b, `new Promise(done => {
		const start = performance.now(), found = document.getElementById('found'), q = document.getElementById('q');
		new MutationObserver(() => { if (/^[0-9]/.test(found.textContent)) done(performance.now() - start); }).observe(found, {childList: true});
		q.value = 'file-17.conf person03';
		q.dispatchEvent(new Event('input'));
	})`)
	start := time.Now()
	must(t, chromedp.Do(b.ctx, chromedp.Click(chromedp.CSS(".sessions tr.row .toggle"))))
	b.until(`document.querySelector('.session .lines .line')`)
	opened := time.Since(start)
	t.Logf("5,000 sessions, 200,000 events, %d MB: usable after %.0f ms, loaded after %.0f ms, %d elements; search %.0f ms, session opened in %v",
		len(page)>>20, at.Ready, at.Loaded, elements, searched, opened.Round(time.Millisecond))
	if elements > 30_000 {
		t.Errorf("%d elements", elements)
	}
	if at.Ready > 10_000 {
		t.Errorf("usable only after %.0f ms", at.Ready)
	}
	b.quiet()
}
