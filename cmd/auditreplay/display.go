package main

import (
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
	f := cmd.Flags()
	f.IntVar(&d.width, "width", 0, "fit this many `columns`; 0 is the terminal's width, and no limit where there is no terminal")
	f.BoolVar(&d.wide, "wide", false, wide)
	f.StringVar(&d.color, "color", "auto", "`when` to use colours: auto (on a terminal, unless NO_COLOR is set), always or never")
	f.StringVar(&d.zone, "zone", "UTC", "show times in this `zone`: +02:00, Europe/Berlin")
}

// settle works out how to show a view that goes to that output.
func (d *display) settle(cmd *cobra.Command, output string) error {
	terminal := 0 // its width
	if f, ok := cmd.OutOrStdout().(*os.File); ok && (output == "" || output == "-") {
		terminal = terminalWidth(f)
	}
	switch {
	case d.width < 0:
		return fmt.Errorf("--width: %d is negative", d.width)
	case d.width > 0:
		d.columns = d.width
	case terminal > 0:
		d.columns = terminal
	default:
		d.columns = -1
		if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 && (output == "" || output == "-") {
			d.columns = n
		}
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
