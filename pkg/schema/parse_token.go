package schema

import "encoding/binary"

// The tokens of JSON, as far as parser reads them. After p.failed nothing of
// what they return has a meaning.

func (p *parser) blanks() {
	for p.at < len(p.text) {
		switch p.text[p.at] {
		case ' ', '\t', '\r', '\n':
			p.at++
		default:
			return
		}
	}
}

// take reads c, and tells whether it was there.
func (p *parser) take(c byte) bool {
	p.blanks()
	if p.at < len(p.text) && p.text[p.at] == c {
		p.at++
		return true
	}
	return false
}

func (p *parser) expect(c byte) {
	if !p.take(c) {
		p.failed = true
	}
}

func (p *parser) literal(word string) {
	p.blanks()
	if end := p.at + len(word); end <= len(p.text) && string(p.text[p.at:end]) == word {
		p.at = end
		return
	}
	p.failed = true
}

// object reads an object; member reads the value of each key. Keys have no
// escapes: none of ours needs any.
func (p *parser) object(member func(key []byte)) {
	p.expect('{')
	if p.failed || p.take('}') {
		return
	}
	for {
		raw, plain := p.quoted()
		p.expect(':')
		if p.failed || !plain {
			p.failed = true
			return
		}
		member(raw[1 : len(raw)-1])
		if p.failed {
			return
		}
		if p.take(',') {
			continue
		}
		p.expect('}')
		return
	}
}

// quoted returns a string as it stands there, with its quotes, and whether it
// stands for itself.
func (p *parser) quoted() (raw []byte, plain bool) {
	p.expect('"')
	if p.failed {
		return nil, false
	}
	start := p.at - 1
	i := p.at
	for i+8 <= len(p.text) && special8(binary.LittleEndian.Uint64(p.text[i:]))&highs == 0 {
		i += 8
	}
	for plain = true; i < len(p.text); i++ {
		switch c := p.text[i]; {
		case c == '"':
			p.at = i + 1
			return p.text[start:p.at], plain
		case c == '\\':
			plain = false
			i++
		case !plainByte(c):
			plain = false
		}
	}
	p.failed = true
	return nil, false
}

func (p *parser) string(s *string) {
	raw, plain := p.quoted()
	if p.failed {
		return
	}
	if plain {
		*s = p.names.name(raw[1 : len(raw)-1])
		return
	}
	text, ok := unquote(raw)
	*s, p.failed = text, !ok
}

// strings reads an array of strings.
func (p *parser) strings(list *[]string) {
	p.once(*list != nil)
	p.expect('[')
	*list = []string{}
	if p.failed || p.take(']') {
		return
	}
	for {
		var s string
		p.string(&s)
		if p.failed {
			return
		}
		*list = append(*list, s)
		if p.take(',') {
			continue
		}
		p.expect(']')
		return
	}
}

// integer reads a number that fits: no sign but minus, no zeros before it, no
// fraction.
func (p *parser) integer(n *int) {
	p.blanks()
	negative := p.at < len(p.text) && p.text[p.at] == '-'
	if negative {
		p.at++
	}
	start, value := p.at, 0
	for p.at < len(p.text) && p.text[p.at] >= '0' && p.text[p.at] <= '9' {
		value = value*10 + int(p.text[p.at]-'0')
		p.at++
	}
	digits := p.at - start
	if digits == 0 || digits > 18 || digits > 1 && p.text[start] == '0' ||
		p.at < len(p.text) && (p.text[p.at] == '.' || p.text[p.at]|0x20 == 'e') {
		p.failed = true
		return
	}
	if negative {
		value = -value
	}
	*n = value
}
