package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/replay"
	"auditreplay/pkg/schema"

	"github.com/metal-toolbox/auditevent"
	"github.com/spf13/cobra"
)

// savedHint marks a source as a saved output of file: no evidence, but the
// events that were made of it.
const savedHint = "a saved output cannot be joined with evidence: give it alone"

// detectSaved tells a saved output by its first bytes.
func detectSaved(head []byte) (ingest.Kind, string) {
	if schema.IsSaved(head) {
		return ingest.UnusableKind, savedHint
	}
	return ingest.UnknownKind, ""
}

// allSaved reports whether the inputs are saved outputs and nothing else.
func allSaved(in *ingest.Inputs) bool {
	for _, s := range in.Sources {
		if s.Hint != savedHint {
			return false
		}
	}
	return len(in.Sources) > 0
}

// notWithSaved refuses flags that say something of evidence.
func notWithSaved(cmd *cobra.Command) error {
	for _, name := range []string{"host", "machine-id", "root", "keys", "passwd", "group", "year", "raw"} {
		if f := cmd.Flags().Lookup(name); f != nil && f.Changed {
			return fmt.Errorf("--%s: not with a saved output", name)
		}
	}
	return nil
}

// readSaved gives the events of saved outputs to next, file by file.
func (o *options) readSaved(sources []*ingest.Source, next auditevent.EventEncoder, opt replay.Options) (*replay.Summary, error) {
	sum := new(replay.Summary)
	sources, err := withoutCopies(sources, sum)
	if err != nil {
		return sum, err
	}
	if opt.Known != nil && o.selection.Since+o.selection.Until != "" {
		var span logSpan
		quiet := opt
		quiet.Reject = func(ingest.Pos, string, []byte) error { return nil }
		for _, src := range sources {
			if err := readSavedFile(src, &span, quiet, new(replay.Summary)); err != nil {
				return sum, err
			}
			src.Counts = ingest.Counts{}
		}
		if err := opt.Known(span.Log()); err != nil {
			return sum, err
		}
	}
	for _, src := range sources {
		if err := readSavedFile(src, next, opt, sum); err != nil {
			return sum, err
		}
		sum.Sources = append(sum.Sources, replay.SourceSummary{Name: src.Name, Path: src.Path, Kind: "saved output", Counts: src.Counts})
	}
	return sum, nil
}

// copied is the kind under which such a file is counted as skipped.
const copied = "copy of another saved output"

// withoutCopies leaves out saved outputs that hold the bytes of another one:
// their events would count twice.
func withoutCopies(sources []*ingest.Source, sum *replay.Summary) ([]*ingest.Source, error) {
	seen := make(map[[sha256.Size]byte]bool)
	var kept []*ingest.Source
	for _, src := range sources {
		r, err := src.OpenRaw()
		if err != nil {
			return nil, err
		}
		h := sha256.New()
		_, err = io.Copy(h, r)
		r.Close()
		var damage *ingest.Damage
		if err != nil && !errors.As(err, &damage) {
			return nil, err
		}
		key := [sha256.Size]byte(h.Sum(nil))
		if seen[key] {
			if sum.Skipped == nil {
				sum.Skipped = make(map[string]int64)
			}
			sum.Skipped[copied]++
			continue
		}
		seen[key] = true
		kept = append(kept, src)
	}
	return kept, nil
}

// logSpan finds what time the events cover.
type logSpan struct{ replay.Span }

func (l *logSpan) Encode(v any) error {
	l.Add(v.(*auditevent.AuditEvent).LoggedAt)
	return nil
}

func readSavedFile(src *ingest.Source, next auditevent.EventEncoder, opt replay.Options, sum *replay.Summary) error {
	r, err := src.OpenRaw()
	if err != nil {
		return err
	}
	defer r.Close()
	count := &ingest.CountingReader{R: r}
	dec := schema.NewDecoder(count, src.Name)
	defer func() { src.Counts.Bytes = count.N.Load() }()
	for {
		if opt.Interrupted != nil && opt.Interrupted() {
			return replay.ErrInterrupted
		}
		e, err := dec.Next()
		var bad *schema.LineError
		var damage *ingest.Damage
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.As(err, &damage):
			sum.Damage = append(sum.Damage, damage.Error())
			return nil
		case errors.As(err, &bad):
			src.Counts.Read++
			src.Counts.Rejected++
			sum.Rejected++
			if err := opt.Reject(ingest.Pos{Source: src, Line: int64(bad.Line)}, bad.Err.Error(), nil); err != nil {
				return err
			}
			continue
		case err != nil:
			return fmt.Errorf("%s: %w", src.Path, err)
		}
		src.Counts.Read++
		src.Counts.Evidence++
		if err := next.Encode(known(e, sum)); err != nil {
			return err
		}
	}
}

// known gives an event of a saved output the parts that views rely on, and
// counts it.
func known(e *auditevent.AuditEvent, sum *replay.Summary) *auditevent.AuditEvent {
	x := schema.Of(e)
	if x.Session == nil {
		x.Session = new(schema.Session)
		x.Attach(e)
	}
	x.Session.NotSSH = x.Session.Attribution == schema.Local
	if sum.Produced == nil {
		sum.Produced, sum.Actions = make(map[string]int64), make(map[string]int64)
	}
	sum.Produced[e.Type]++
	switch e.Type {
	case schema.TypeAction:
		sum.Actions[x.Session.Attribution]++
		sum.Events++
	case schema.TypeSystem:
		sum.Events++
	case schema.TypeLogin:
		if e.Outcome == schema.Succeeded {
			sum.Accepted++
		} else {
			sum.Refused++
		}
	}
	return e
}

// savedText is the closing summary of what was read from saved outputs, with
// what they do not tell.
func savedText(w io.Writer, sum *replay.Summary) {
	fmt.Fprintf(w, "read      %d saved events: %d logins accepted, %d refused; %d rejected lines\n",
		sum.Read()-sum.Rejected, sum.Accepted, sum.Refused, sum.Rejected)
	fmt.Fprintf(w, "written   %d, left out by scope and filters %d\n", sum.Written, sum.LeftOut)
	if n := sum.Skipped[copied]; n > 0 {
		fmt.Fprintf(w, "skipped   %d: %s\n", n, copied)
	}
	fmt.Fprintln(w, "not known from a saved output: what its own scope and filters left out, which")
	fmt.Fprintln(w, "          audit rules were active, gaps and damage of the evidence, its hashes")
}
