package manifest

import _ "embed" // the schema is part of the program

//go:embed manifest.schema.json
var jsonSchema string

// JSONSchema returns the JSON Schema (draft 2020-12) of a manifest.
func JSONSchema() string { return jsonSchema }
