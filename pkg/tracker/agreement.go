package tracker

import "slices"

// agreement is what agrees between a session and a login: a set of the words of
// schema.Session.Evidence, in their order.
type agreement uint16

const (
	sameBoot agreement = 1 << iota
	samePID
	sameTime
	sameAccount
	sameAddr
	samePort
	samePrint
	sameSession
	sameChild
	sameTTY
)

var agreementWords = [...]string{"boot", "pid", "time", "account", "address", "port", "fingerprint", "session", "child", "terminal"}

func (a agreement) words() []string {
	if a == 0 {
		return nil
	}
	out := make([]string, 0, len(agreementWords))
	for i, word := range agreementWords {
		if a&(1<<i) != 0 {
			out = append(out, word)
		}
	}
	return out
}

// agreementOf is what words say.
func agreementOf(words []string) (a agreement) {
	for i, word := range agreementWords {
		if slices.Contains(words, word) {
			a |= 1 << i
		}
	}
	return a
}
