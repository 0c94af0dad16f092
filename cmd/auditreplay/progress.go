package main

import (
	"io"
	"os"
	"sync"
	"time"

	"auditreplay/pkg/replay"

	"github.com/schollz/progressbar/v3"
)

// A run that takes longer than showAfter shows how far it is.
const (
	showAfter = time.Second
	showEvery = 200 * time.Millisecond
)

// stages says what a run does in each of its stages.
var stages = map[replay.Stage]string{
	replay.Reading: "reading",
	replay.Joining: "reading sshd's logs",
	replay.Writing: "writing",
}

// showProgress shows on stderr how far the run is whose progress it gives,
// until stop is called; only where stderr is a terminal and the events do not
// go to one too.
func (o *options) showProgress(stdout, stderr io.Writer) (p *replay.Progress, stop func()) {
	term, ok := stderr.(*os.File)
	if !ok || o.quiet || terminalWidth(term) == 0 || os.Getenv("TERM") == "dumb" {
		return nil, func() {}
	}
	if out, ok := stdout.(*os.File); ok && (o.output == "" || o.output == "-") && terminalWidth(out) > 0 {
		return nil, func() {}
	}
	p = new(replay.Progress)
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		drawProgress(p, term, end)
	}()
	return p, sync.OnceFunc(func() {
		close(end)
		<-ended
	})
}

// drawProgress draws until end is closed, and leaves nothing behind. Each stage
// has a bar of its own: their speeds differ, and with them the time left.
func drawProgress(p *replay.Progress, term *os.File, end <-chan struct{}) {
	shown := &gate{w: term, from: time.Now().Add(showAfter)}
	var bar *progressbar.ProgressBar
	var drawn replay.Stage
	clear := func() {
		if bar != nil {
			_ = bar.Clear() // a terminal that is gone shows nothing
		}
	}
	defer clear()
	tick := time.NewTicker(showEvery)
	defer tick.Stop()
	for {
		if stage, done, total := p.Now(); total > 0 {
			if bar == nil || stage != drawn {
				clear()
				bar, drawn = newBar(stages[stage], total, terminalWidth(term), shown), stage
			}
			_ = bar.Set64(min(done, total-1)) // full, it would begin a line of its own
		}
		select {
		case <-end:
			return
		case <-tick.C:
		}
	}
}

// gate lets through what is written from a time on: a bar has to know its
// stage from the beginning, or its speed is wrong.
type gate struct {
	w    io.Writer
	from time.Time
}

func (g *gate) Write(p []byte) (int, error) {
	if time.Now().Before(g.from) {
		return len(p), nil
	}
	return g.w.Write(p)
}

// What a bar takes at most, beside what it is called: its own frame with the
// share, how many bytes of how many and how fast, and the time left.
const (
	barWidth = 16
	barFrame = len(" 100% []  ")
	barBytes = len("(1000 MB/1000 GB, 1000 MB/s) ")
	barTime  = len("[59m59s:99h59m59s] ")
)

// newBar makes a bar that fits a line of a terminal: one that goes on to the
// next would not be drawn over. What tells least goes first.
func newBar(what string, total int64, columns int, term io.Writer) *progressbar.ProgressBar {
	if columns < len(what)+barFrame+barWidth/2 {
		what = ""
	}
	room := columns - len(what) - barFrame - barWidth
	bytes, timed := room >= barBytes, room >= barBytes+barTime
	opt := []progressbar.Option{progressbar.OptionSetWriter(term), progressbar.OptionSetDescription(what),
		progressbar.OptionShowBytes(bytes), progressbar.OptionShowTotalBytes(bytes), progressbar.OptionSetWidth(max(1, min(barWidth, barWidth+room))),
		progressbar.OptionSetPredictTime(timed), progressbar.OptionSetElapsedTime(false),
		progressbar.OptionSetTheme(progressbar.ThemeASCII), progressbar.OptionUseANSICodes(true)}
	if bytes {
		opt = append(opt, progressbar.OptionShowCount())
	}
	return progressbar.NewOptions64(total, opt...)
}
