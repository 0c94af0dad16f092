package html_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// A tab is a page in a real browser, and all that it complained about or
// asked the network for.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu         sync.Mutex
	complaints []string
	requests   []string
}

// browse opens the file in a headless Chromium, 1280 by 900.
func browse(t *testing.T, file string) *tab {
	t.Helper()
	var binary string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			binary = path
			break
		}
	}
	if binary == "" {
		t.Skip("no Chromium in PATH (Debian: apt-get install chromium)")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(binary), chromedp.WSURLReadTimeout(5*time.Minute), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true))
	ctx, stop := chromedp.NewExecAllocator(context.Background(), options...)
	b := &tab{t: t}
	ctx, end := chromedp.NewContext(ctx, chromedp.WithListener(b.hear))
	ctx, late := context.WithTimeout(ctx, 15*time.Minute)
	t.Cleanup(func() { late(); end(); stop() })
	b.ctx = ctx
	must(t, chromedp.Do(ctx, chromedp.EmulateViewport(1280, 900)))
	_, err := chromedp.Call(ctx, network.Enable, network.EnableParams{})
	must(t, err)
	_, err = chromedp.Call(ctx, log.Enable, cdp.Empty{})
	must(t, err)
	b.media("", "light")
	must(t, chromedp.Do(ctx, chromedp.Navigate("file://"+file), chromedp.WaitReady(chromedp.CSS("html[data-loaded]"))))
	return b
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// hear takes note of what the page does that it should not.
func (b *tab) hear(ev any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch ev := ev.(type) {
	case *runtime.EventConsoleAPICalled:
		b.complaints = append(b.complaints, fmt.Sprintf("console.%s: %+v", ev.Type, ev.Args))
	case *runtime.EventExceptionThrown:
		what := ev.ExceptionDetails.Text
		if ev.ExceptionDetails.Exception != nil {
			what += " " + ev.ExceptionDetails.Exception.Description
		}
		b.complaints = append(b.complaints, "exception: "+what)
	case *log.EventEntryAdded:
		b.complaints = append(b.complaints, "log: "+ev.Entry.Text+" "+ev.Entry.URL)
	case *network.EventRequestWillBeSent:
		b.requests = append(b.requests, ev.Request.URL)
	case *page.EventJavascriptDialogOpening:
		b.complaints = append(b.complaints, "dialog: "+ev.Message)
	}
}

// quiet fails the test if anything but the file itself was asked for, or
// anything was complained about.
func (b *tab) quiet() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.complaints {
		b.t.Errorf("the browser says: %s", c)
	}
	files := 0
	for _, r := range b.requests {
		if !strings.HasPrefix(r, "file://") {
			b.t.Errorf("request for %s", r)
		}
		files++
	}
	if files != 1 {
		b.t.Errorf("requests: %q, want the file alone", b.requests)
	}
}

// media emulates a medium ("print") and a colour scheme.
func (b *tab) media(medium, scheme string) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Media: medium, Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
	must(b.t, err)
}

// eval is the value of an expression in the page, which may be a promise.
func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// until waits for an expression to become true.
func (b *tab) until(expression string) {
	b.t.Helper()
	ctx, stop := context.WithTimeout(b.ctx, 5*time.Minute)
	defer stop()
	if _, err := chromedp.Run(ctx, chromedp.Poll[bool]("!!("+expression+")")); err != nil {
		b.t.Fatalf("waiting for %s: %v", expression, err)
	}
}

// shot is a picture of what is to be seen, as PNG.
func (b *tab) shot() []byte {
	b.t.Helper()
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	must(b.t, err)
	return png
}

// search types a query and waits for its result.
func (b *tab) search(query string) {
	b.t.Helper()
	eval[bool](b, `(document.getElementById('found').textContent = '', document.getElementById('q').select(), true)`)
	must(b.t, chromedp.Do(b.ctx, chromedp.SendKeys(chromedp.CSS("#q"), query)))
	b.until(`/^[\d\u202f]+ session/.test(document.getElementById('found').textContent)`)
}

// save writes a report beneath the test's directory and returns its path.
func save(t *testing.T, html []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "case.html")
	must(t, os.WriteFile(path, html, 0o644))
	return path
}
