package synth

import "strconv"

// command is something that people run.
type command struct {
	argv []string
	exe  string
	then []deed // what it does, after its exec
	sudo bool
}

// deed is one event of a running command. The zero deed is its exec.
type deed struct {
	kind deedKind
	path string
	fail bool
	ip   [4]byte
	port int
}

type deedKind int

const (
	execs deedKind = iota
	opens
	creates
	connects
	missing // an exec that does not find its file
	sudoExec
	sudoAcct
	sudoCmd
	sudoCred
	sudoStart
	sudoEnd
	sudoDisp
)

func commandTable() []command {
	web := deed{kind: connects, ip: [4]byte{198, 51, 100, 80}, port: 443}
	dns := deed{kind: connects, ip: [4]byte{10, 20, 0, 2}, port: 53}
	return []command{
		{argv: []string{"ls", "-la", "/etc"}, exe: "/usr/bin/ls"},
		{argv: []string{"ls", "--color=auto"}, exe: "/usr/bin/ls"},
		{argv: []string{"ps", "aux"}, exe: "/usr/bin/ps"},
		{argv: []string{"id"}, exe: "/usr/bin/id"},
		{argv: []string{"git", "-C", "/srv/app", "status", "--short"}, exe: "/usr/bin/git"},
		{argv: []string{"git", "commit", "-m", "fix the \"other\" thing"}, exe: "/usr/bin/git"},
		{argv: []string{"grep", "-rn", "password = ", "/srv/app/config"}, exe: "/usr/bin/grep"},
		{argv: []string{"tail", "-n", "200", "/var/log/app/application.log"}, exe: "/usr/bin/tail"},
		{argv: []string{"cat", "/etc/shadow"}, exe: "/usr/bin/cat", then: []deed{{kind: opens, path: "/etc/shadow", fail: true}}},
		{argv: []string{"touch", "/tmp/build lock"}, exe: "/usr/bin/touch", then: []deed{{kind: creates, path: "/tmp/build lock"}}},
		{argv: []string{"curl", "-sS", "https://updates.example.com/v2/release.json"}, exe: "/usr/bin/curl", then: []deed{dns, web}},
		{argv: []string{"nc", "-z", "10.20.0.2", "53"}, exe: "/usr/bin/nc.openbsd", then: []deed{dns}},
		{argv: []string{"python3", "-c", "print('hé', 1)\n"}, exe: "/usr/bin/python3.13"},
		{argv: []string{"rsync", "-a", "", "/srv/app/", "backup:/srv/app/"}, exe: "/usr/bin/rsync"},
		{argv: []string{"vim", "/srv/app/config/production.yaml"}, exe: "/usr/bin/vim.basic"},
		{argv: []string{"kubectl", "get", "pods", "-n", "production"}, exe: "/usr/local/bin/kubectl", then: []deed{{kind: missing}, web}},
		{argv: []string{"/usr/bin/systemctl", "restart", "app.service"}, exe: "/usr/bin/systemctl", sudo: true},
		{argv: []string{"/usr/bin/cat", "/etc/shadow"}, exe: "/usr/bin/cat", sudo: true, then: []deed{{kind: opens, path: "/etc/shadow"}}},
		{argv: []string{"/usr/bin/apt-get", "install", "-y", "strace"}, exe: "/usr/bin/apt-get", sudo: true, then: []deed{web}},
	}
}

// plan lists the deeds of a command in the order of their events.
func (c *command) plan(deeds []deed) []deed {
	if !c.sudo {
		deeds = append(deeds, deed{kind: execs})
		return append(deeds, c.then...)
	}
	deeds = append(deeds, deed{kind: sudoExec}, deed{kind: sudoAcct}, deed{kind: sudoCmd}, deed{kind: sudoCred}, deed{kind: sudoStart}, deed{kind: execs})
	deeds = append(deeds, c.then...)
	return append(deeds, deed{kind: sudoEnd}, deed{kind: sudoDisp})
}

// running is a command with its processes.
type running struct {
	*command
	deeds []deed
	next  int
	p     process // of the command
	sudo  process // of its sudo
	cwd   string
}

// step writes the next event.
func (r *running) step(h *host) {
	d := &r.deeds[r.next]
	r.next++
	h.audit.begin(h.now)
	switch d.kind {
	case execs:
		h.exec(r.argv, r.cwd, &r.p)
	case missing:
		h.execMissing(r.argv, r.cwd, &r.p)
	case opens, creates:
		h.openFile(d, r)
	case connects:
		h.connect(d, r)
	default:
		r.sudoEvent(h, d.kind)
		return
	}
	h.audit.done(h.mixed())
}

func (h *host) address() uint64 { return 0x7f0000000000 | h.rng.Uint64N(1<<36)<<4 }

func (h *host) exec(argv []string, cwd string, p *process) {
	a := &h.audit
	a.syscall(&call{number: 59, name: "execve", items: 2, key: "exec",
		args: [4]uint64{h.address(), h.address(), h.address(), 8}}, p)
	a.execve(argv)
	a.cwd(cwd)
	a.path(0, p.exe, 1000+len(p.exe)*37, "0100755", "NORMAL", h.pop.root)
	a.path(1, "/lib64/ld-linux-x86-64.so.2", 4263, "0100755", "NORMAL", h.pop.root)
	a.proctitle(argv)
}

// execMissing is what a search along PATH leaves behind.
func (h *host) execMissing(argv []string, cwd string, p *process) {
	a := &h.audit
	a.syscall(&call{number: 59, name: "execve", exit: -2, items: 1, key: "exec",
		args: [4]uint64{h.address(), h.address(), h.address(), 8}}, p)
	a.cwd(cwd)
	a.path(0, "/usr/local/sbin/helper", 0, "00", "UNKNOWN", h.pop.root)
	a.proctitle(argv)
}

func (h *host) openFile(d *deed, r *running) {
	a := &h.audit
	c := call{number: 257, name: "openat", exit: 3, items: 1, key: "access", args: [4]uint64{0xffffffffffffff9c, h.address(), 0x80000, 0}}
	if d.fail && r.p.euid.uid != 0 {
		c.exit = -13
	}
	if d.kind == creates {
		c.items = 2
	}
	a.syscall(&c, &r.p)
	a.cwd(r.cwd)
	if d.kind == creates {
		a.path(0, "/tmp/", 1, "041777", "PARENT", h.pop.root)
		a.path(1, d.path, 90+h.rng.IntN(9000), "0100644", "CREATE", r.p.euid)
	} else {
		a.path(0, d.path, 310, "0100640", "NORMAL", h.pop.root)
	}
	a.proctitle(r.argv)
}

func (h *host) connect(d *deed, r *running) {
	a := &h.audit
	c := call{number: 42, name: "connect", key: "net", args: [4]uint64{3, h.address(), 16, 0}}
	if h.rng.IntN(9) == 0 {
		c.exit = -115
	}
	a.syscall(&c, &r.p)
	a.sockaddr(d.ip, d.port)
	a.proctitle(r.argv)
}

// sudoEvent writes what sudo and its PAM stack log.
func (r *running) sudoEvent(h *host, kind deedKind) {
	a := &h.audit
	terminal := "?"
	if r.p.tty != "(none)" {
		terminal = "pts/" + r.p.tty[3:]
	}
	pam := func(record, op, acct string) {
		dev := terminal
		if dev != "?" {
			dev = "/dev/" + dev
		}
		a.user(record, &r.sudo, "op=PAM:", op, ` acct="`, acct, `" exe="/usr/bin/sudo" hostname=? addr=? terminal=`, dev, " res=success")
	}
	switch kind {
	case sudoExec:
		h.exec(append([]string{"sudo"}, r.argv...), r.cwd, &r.sudo)
		a.done(h.mixed())
		return
	case sudoAcct:
		pam("USER_ACCT", "accounting grantors=pam_permit", r.sudo.uid.name)
	case sudoCmd:
		a.user("USER_CMD", &r.sudo, `cwd="`, r.cwd, `" cmd=`, hexOf(r.argv), ` exe="/usr/bin/sudo" terminal=`, terminal, " res=success")
	case sudoCred:
		pam("CRED_REFR", "setcred grantors=pam_permit", "root")
	case sudoStart:
		pam("USER_START", "session_open grantors=pam_limits,pam_permit,pam_unix", "root")
	case sudoEnd:
		pam("USER_END", "session_close grantors=pam_limits,pam_permit,pam_unix", "root")
	case sudoDisp:
		pam("CRED_DISP", "setcred grantors=pam_permit", "root")
	}
	a.done(false)
}

// hexOf is a command line as USER_CMD has it.
func hexOf(argv []string) string {
	var b []byte
	for i, arg := range argv {
		if i > 0 {
			b = append(b, "20"...)
		}
		for j := range len(arg) {
			b = append(b, "0123456789ABCDEF"[arg[j]>>4], "0123456789ABCDEF"[arg[j]&15])
		}
	}
	return string(b)
}

// marked is the command that marks a session, so that its events are known.
func marked(n int) command {
	text := strconv.Itoa(10000 + n)
	return command{argv: []string{"/bin/echo", "marker-" + text[1:]}, exe: "/usr/bin/echo"}
}
