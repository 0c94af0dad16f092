package html

import (
	"bufio"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"

	"auditreplay/pkg/report"
)

// The page's own parts. The script's files are one script, in this order.
//
//go:embed page.tmpl style.css js/*.js
var parts embed.FS

// scriptFiles are the files that make up the script.
func scriptFiles() []string {
	return []string{"core", "table", "search", "chart", "detail", "sessions", "sections", "main"}
}

// A page is a report being written.
type page struct {
	out    *bufio.Writer
	report *Report
	rows   []report.Row // by number
	order  []int        // numbers as the page has them
	place  []int        // by number: where in order
	tmpl   *template.Template
	code   string
}

func (p *page) sort() {
	p.order = make([]int, len(p.rows))
	for n := range p.order {
		p.order[n] = n
	}
	slices.SortStableFunc(p.order, func(a, b int) int { return report.CompareRows(p.rows[a], p.rows[b]) })
	p.place = make([]int, len(p.rows))
	for at, n := range p.order {
		p.place[n] = at
	}
}

// part is a file of the page. Those are compiled in: none can be missing.
func part(name string) string {
	b, err := parts.ReadFile(name)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func (p *page) head() error {
	var err error
	if p.tmpl, err = template.New("page").Funcs(functions()).Parse(part("page.tmpl")); err != nil {
		return err
	}
	style := part("style.css")
	var code strings.Builder
	code.WriteString("'use strict';\n(() => {\n")
	for _, name := range scriptFiles() {
		code.WriteString(part("js/" + name + ".js"))
	}
	code.WriteString("})();\n")
	p.code = code.String()
	view := struct{ Title, Policy string }{p.title(), policy(style, p.code)}
	if err := p.tmpl.ExecuteTemplate(p.out, "head", view); err != nil {
		return err
	}
	_, err = io.WriteString(p.out, "<style>"+style+"</style>\n</head>\n")
	return err
}

func (p *page) title() string {
	if p.report.opt.Title != "" {
		return text(p.report.opt.Title)
	}
	return "SSH sessions and what was done in them"
}

// policy allows the page its style and its script, and nothing else.
func policy(style, code string) string {
	hash := func(s string) string {
		sum := sha256.Sum256([]byte(s))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	return "default-src 'none'; style-src " + hash(style) + "; script-src " + hash(code) +
		"; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
}

func (p *page) body() error { return p.tmpl.ExecuteTemplate(p.out, "body", p.overview()) }

// data writes a block of JSON for the script.
func (p *page) data(name string, rows []byte) error {
	_, err := fmt.Fprintf(p.out, "<script type=\"application/json\" id=\"%s\">%s</script>\n", name, rows)
	return err
}

func (p *page) sessions() error {
	rows := make([]list, len(p.order))
	for i, n := range p.order {
		rows[i] = sessionRow(&p.rows[n], p.report.seen[n])
	}
	c := p.report.coverage
	return p.data("sessions", marshal(struct {
		Fields []string `json:"fields"`
		Rows   []list   `json:"rows"`
		From   int64    `json:"from"`
		To     int64    `json:"to"`
	}{strings.Fields(sessionFields), rows, c.first, c.last}))
}

func (p *page) script() error {
	_, err := io.WriteString(p.out, "<script>"+p.code+"</script>\n")
	return err
}

// indexes writes what is listed by name.
func (p *page) indexes() error {
	x := p.report.index
	for _, c := range []struct {
		name string
		of   *catalogue
	}{{"privileges", x.chains}, {"denied", x.denied}, {"files", x.files}, {"sockets", x.sockets}} {
		if err := p.data(c.name, marshal(struct {
			Rows   []list `json:"rows"`
			Beyond int    `json:"beyond"`
		}{c.of.rows(p.place), c.of.beyond})); err != nil {
			return err
		}
	}
	return p.data("refusals", marshal(refusalRows(p.report.refusals.All())))
}

func (p *page) end() error {
	_, err := io.WriteString(p.out, "</body>\n</html>\n")
	return err
}
