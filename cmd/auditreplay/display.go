package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"auditreplay/pkg/replay"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
)

// display is how a view is shown: how wide, in which colours, in which zone.
//
// On a terminal a view fits its width. Anywhere else, in a pipe or a file,
// nothing is cut unless --width or COLUMNS says how wide it may be: what is
// searched with grep must be there.
type display struct {
	width int
	wide  bool
	color string
	zone  string

	columns int // what package report calls Width
	colored bool
	in      *time.Location
}

func (d *display) flags(cmd *cobra.Command, wide string) {
	widthFlag(cmd, &d.width, "no limit")
	f := cmd.Flags()
	f.BoolVar(&d.wide, "wide", false, wide)
	f.StringVar(&d.color, "color", "auto", "`when` to use colours: auto (on a terminal, unless NO_COLOR is set), always or never")
	f.StringVar(&d.zone, "zone", "UTC", "show times in this `zone`: +02:00, Europe/Berlin")
}

// settle works out how to show a view that goes to that output.
func (d *display) settle(cmd *cobra.Command, output string) (err error) {
	var terminal int
	if d.columns, terminal, err = columnsFor(cmd, output, d.width); err != nil {
		return err
	}
	if d.wide && d.width > 0 {
		return errors.New("--width: not with --wide, which cuts nothing")
	}
	switch d.color {
	case "auto":
		d.colored = terminal > 0 && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	case "always", "never":
		d.colored = d.color == "always"
	default:
		return fmt.Errorf("--color: %q is none of auto, always, never", d.color)
	}
	zone, err := replay.ParseZone(d.zone)
	if err != nil {
		return fmt.Errorf("--zone: %w", err)
	}
	d.in = zone
	return nil
}

// widthFlag registers --width. otherwise is what 0 means where there is no
// terminal.
func widthFlag(cmd *cobra.Command, to *int, otherwise string) {
	cmd.Flags().IntVar(to, "width", 0, "fit this many `columns`; 0 is the terminal's width, and "+otherwise+" where there is no terminal")
}

// columnsFor gives how wide the text may be that goes to an output: what
// --width says, else the width of the terminal, else COLUMNS; -1 where nothing
// says so. terminal is the terminal's width, 0 where there is none.
func columnsFor(cmd *cobra.Command, output string, width int) (columns, terminal int, err error) {
	shown := output == "" || output == "-"
	if f, ok := cmd.OutOrStdout().(*os.File); ok && shown {
		terminal = terminalWidth(f)
	}
	switch {
	case width < 0:
		return 0, 0, fmt.Errorf("--width: %d is negative", width)
	case width > 0:
		return width, terminal, nil
	case terminal > 0:
		return terminal, terminal, nil
	}
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 && shown {
		return n, 0, nil
	}
	return -1, 0, nil
}

// proseColumns is columnsFor for paragraphs, which are wrapped and not cut: 0,
// the same for every machine, where nothing says how wide they may be.
func (o *options) proseColumns(cmd *cobra.Command, width int) (int, error) {
	columns, _, err := columnsFor(cmd, cmp.Or(o.golden, o.output), width)
	return max(columns, 0), err
}

// terminalWidth gives the width of a terminal, 80 where it does not know, and
// 0 for what is none.
func terminalWidth(f *os.File) int {
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	switch {
	case err != nil:
		return 0
	case size.Col == 0:
		return 80
	}
	return int(size.Col)
}
