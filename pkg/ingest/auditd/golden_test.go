package auditd

import "bytes"

// stripComments takes the leading comment lines off a golden input.
func stripComments(data []byte) []byte {
	for bytes.HasPrefix(data, []byte("#")) {
		_, data, _ = bytes.Cut(data, []byte("\n"))
	}
	return data
}
