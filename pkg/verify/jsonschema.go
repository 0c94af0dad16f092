package verify

import _ "embed" // the schema is part of the program

//go:embed verify.schema.json
var jsonSchema string

// JSONSchema returns the JSON Schema (draft 2020-12) of one line of JSON.
func JSONSchema() string { return jsonSchema }
