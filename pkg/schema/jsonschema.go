package schema

import _ "embed" // the schema is part of the program

//go:embed event.schema.json
var eventSchema string

// JSONSchema returns the JSON Schema (draft 2020-12) of one line of output.
func JSONSchema() string { return eventSchema }
