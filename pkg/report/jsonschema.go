package report

import "embed"

//go:embed *.schema.json
var schemas embed.FS

// JSONSchema returns the JSON Schema (draft 2020-12) of one line that a view
// writes as JSON: "sessions", "timeline" or "tree". It is "" for another view.
func JSONSchema(view string) string {
	text, err := schemas.ReadFile(view + ".schema.json")
	if err != nil {
		return ""
	}
	return string(text)
}
