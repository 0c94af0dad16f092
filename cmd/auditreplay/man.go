package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// newMan writes manual pages, which say what the commands' help says. They
// depend on nothing but the commands and the version: no day stands in them.
func newMan() *cobra.Command {
	return &cobra.Command{
		Use:    "man DIR",
		Short:  "Write a manual page for each command into a directory",
		Args:   cobra.ExactArgs(1),
		Hidden: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return err
			}
			for _, c := range documented(cmd.Root()) {
				if err := os.WriteFile(filepath.Join(args[0], pageName(c)+".1"), []byte(manPage(c)), 0o644); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// documented lists the commands that have a page: cobra's own say enough with
// --help.
func documented(root *cobra.Command) []*cobra.Command {
	out := []*cobra.Command{root}
	for _, c := range root.Commands() {
		if !c.Hidden && c.Name() != "help" && c.Name() != "completion" {
			out = append(out, c)
		}
	}
	return out
}

// pageName is what the page of a command is called, as git's are.
func pageName(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "-") }

// manPage is the page of one command, in the macros of man(7).
func manPage(c *cobra.Command) string {
	var b strings.Builder
	name := pageName(c)
	fmt.Fprintf(&b, ".TH \"%s\" 1 \"\" \"auditreplay %s\" \"User Commands\"\n", strings.ToUpper(roff(name)), roff(version()))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", roff(name), roff(c.Short))
	synopsis := c.UseLine()
	if c.HasAvailableSubCommands() {
		synopsis += " COMMAND [ARGUMENT]..."
	}
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.B %s\n", roff(synopsis))
	if c.Long != "" {
		fmt.Fprintf(&b, ".SH DESCRIPTION\n%s\n", strings.ReplaceAll(roff(c.Long), "\n\n", "\n.PP\n"))
	}
	if c.HasAvailableSubCommands() {
		b.WriteString(".SH COMMANDS\n")
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() {
				fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", roff(sub.Name()), roff(sub.Short))
			}
		}
	}
	c.InitDefaultHelpFlag()
	b.WriteString(".SH OPTIONS\n")
	c.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			b.WriteString(manOption(f))
		}
	})
	b.WriteString(".SH EXIT STATUS\n")
	for line := range strings.Lines(exitHelp) {
		code, what, _ := strings.Cut(strings.TrimSpace(line), " ")
		fmt.Fprintf(&b, ".TP\n.B %s\n%s\n", code, roff(strings.TrimSpace(what)))
	}
	if c.Example != "" {
		fmt.Fprintf(&b, ".SH EXAMPLES\n.nf\n%s\n.fi\n", roff(c.Example))
	}
	b.WriteString(".SH SEE ALSO\n")
	var others []string
	for _, o := range documented(c.Root()) {
		if o != c {
			others = append(others, fmt.Sprintf(".BR %s (1)", roff(pageName(o))))
		}
	}
	b.WriteString(strings.Join(others, ",\n") + "\n")
	return b.String()
}

// manOption is one flag: its names and value, then what it does.
func manOption(f *pflag.Flag) string {
	value, usage := pflag.UnquoteUsage(f)
	names := `\fB` + roff("--"+f.Name) + `\fR`
	if f.Shorthand != "" {
		names = `\fB` + roff("-"+f.Shorthand) + `\fR, ` + names
	}
	if value != "" {
		names += ` \fI` + roff(value) + `\fR`
	}
	switch f.DefValue {
	case "", "0", "false", "[]": // nothing is the default
	default:
		usage += " (default " + f.DefValue + ")"
	}
	return ".TP\n" + names + "\n" + roff(usage) + "\n"
}

// exitHelp is what the exit codes mean.
const exitHelp = `0    done
1    nothing matched, or the output differs from --golden
2    wrong usage, or an input or output that does not work
3    done, but the input was damaged
4    verify found something
10   follow's --state is of another version, or older than the oldest file that is left
11   follow's --state is broken, or a log or the output is shorter than it was
12   follow's --state is of another host, of other logs, or the output is another file
130  interrupted`

// roff escapes what man(7) would take for its own. Of the characters that
// groff_char(7) names, those that a terminal would show as others are written
// so that they can be copied from the page.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`).Replace(s)
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".") {
			lines[i] = `\&` + l
		}
	}
	return strings.Join(lines, "\n")
}
