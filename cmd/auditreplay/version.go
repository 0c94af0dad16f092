package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// stamp is the version that a build gives with
// -ldflags "-X main.stamp=v1.2.3".
var stamp string

// version is the stamped version, else what the build knows of itself.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return cmp.Or(stamp, "unknown")
	}
	v := cmp.Or(stamp, info.Main.Version, "(devel)")
	settings := make(map[string]string)
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	if rev := settings["vcs.revision"]; rev != "" && v == "(devel)" {
		v = rev[:min(12, len(rev))]
		if settings["vcs.modified"] == "true" {
			v += "+changes"
		}
	}
	return v
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "The version of auditreplay and what it was built with",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			built := ""
			if info, ok := debug.ReadBuildInfo(); ok {
				built = " " + info.GoVersion
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "auditreplay %s%s %s/%s\n", version(), built, runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
}
