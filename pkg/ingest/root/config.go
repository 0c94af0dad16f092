package root

import (
	"path"
	"strings"
)

// setting gives the last value of "name = value" in a file of the form of
// auditd.conf(5).
func (t *tree) setting(file, name string) string {
	value := ""
	for line := range strings.Lines(t.files[file].text) {
		if k, v, ok := strings.Cut(line, "="); ok && strings.EqualFold(strings.TrimSpace(k), name) {
			value = strings.TrimSpace(v)
		}
	}
	return value
}

// config gives the paths that sshd_config(5) and what it includes set a
// keyword to, as patterns below the top: in any Match block, %u and %h being
// any user and any home.
func (t *tree) config(keyword string) []string {
	var out []string
	for _, file := range t.sorted() {
		if file != "etc/ssh/sshd_config" && path.Dir(file) != "etc/ssh/sshd_config.d" {
			continue
		}
		for line := range strings.Lines(t.files[file].text) {
			f := strings.FieldsFunc(line, func(r rune) bool { return strings.ContainsRune(" \t\r\n=\"", r) })
			if len(f) < 2 || !strings.EqualFold(f[0], keyword) {
				continue
			}
			for _, value := range f[1:] {
				if strings.HasPrefix(value, "#") {
					break
				}
				if !strings.EqualFold(value, "none") {
					out = append(out, t.expand(value)...)
				}
			}
		}
	}
	return out
}

// expand gives the patterns of a path with sshd's tokens; one that is not
// absolute is below each home.
func (t *tree) expand(value string) []string {
	value = strings.NewReplacer("%%", "%", "%u", "*", "%U", "*", "%h", "%h").Replace(value)
	homes := []string{"/home/*", "/root"}
	for line := range strings.Lines(t.files["etc/passwd"].text) {
		if f := strings.Split(line, ":"); len(f) >= 7 && strings.HasPrefix(f[5], "/") && f[5] != "/" {
			homes = append(homes, escape(path.Clean(f[5])))
		}
	}
	var patterns []string
	switch {
	case strings.HasPrefix(value, "%h"):
		for _, h := range homes {
			patterns = append(patterns, h+strings.TrimPrefix(value, "%h"))
		}
	case strings.HasPrefix(value, "/"):
		patterns = []string{value}
	default:
		for _, h := range homes {
			patterns = append(patterns, h+"/"+value)
		}
	}
	for i, p := range patterns {
		patterns[i] = strings.TrimPrefix(path.Clean(p), "/")
	}
	return patterns
}

// escape makes a path a pattern that matches it alone.
func escape(p string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(p)
}

// isKeys reports whether a file holds keys that may log in.
func (t *tree) isKeys(p string) bool {
	return matches(t.homes, p) || strings.HasPrefix(p, "etc/ssh/authorized_keys")
}
