package synth

import "strconv"

// session is one ssh session, from the connection to the logout. Each step is
// what one moment brings: an event of the audit log, a line of sshd's, or both.
type session struct {
	who     *person
	acct    *account
	key     *key // nil: password
	ip      string
	port    string
	pty     int // -1: none
	leader  process
	child   int // sshd's process for the user
	shell   process
	cwd     string
	left    int // commands to come
	phase   phase
	current running
	login   loginTruth
}

type phase int

const (
	connecting phase = iota
	authenticating
	accepted
	opening
	starting
	entering
	working
	leaving
	left
)

// arrivals lets people come.
type arrivals struct{}

func (a arrivals) step(h *host) int64 {
	if h.closing {
		return -1
	}
	h.open++
	h.after(0, h.newSession())
	length := 600*millisecond + int64(h.mean*float64(think+deedGap*2))
	return h.about(length / int64(h.o.Open))
}

const (
	think   = 1200 * millisecond // between two commands, on average
	deedGap = 9 * millisecond    // between two events of a command
)

func (h *host) newSession() *session {
	rng := h.rng
	who := &h.pop.people[rng.IntN(len(h.pop.people))]
	s := &session{
		who: who, acct: who.own, pty: -1,
		ip:   who.ips[rng.IntN(len(who.ips))],
		port: strconv.Itoa(32768 + rng.IntN(28000)),
		left: int(h.mean*rng.ExpFloat64() + 0.5),
	}
	if rng.IntN(2) == 0 { // half of all work is done on accounts that everybody uses
		s.acct = h.pop.shared[rng.IntN(len(h.pop.shared))]
	}
	if !who.password {
		s.key = &who.keys[rng.IntN(len(who.keys))]
	}
	s.cwd = "/home/" + s.acct.name
	s.leader = process{pid: h.pids.take(), ppid: h.sshd, uid: h.pop.root, euid: h.pop.root, tty: "(none)", comm: h.journal.comm, exe: h.journal.exe}
	return s
}

func (s *session) step(h *host) int64 {
	switch s.phase {
	case connecting:
		if h.verbose() {
			h.journal.entry(h.now, &s.leader, "[accepted]", "Connection from ", s.ip, " port ", s.port, ` on 10.20.0.15 port 22 rdomain ""`)
		}
		s.login.start = h.now
		return s.next(h.about(150 * millisecond))
	case authenticating:
		s.authenticate(h)
		return s.next(h.about(15 * millisecond))
	case accepted:
		s.pam(h, "CRED_ACQ", "setcred grantors=pam_permit", &s.leader)
		return s.next(h.about(12 * millisecond))
	case opening:
		s.open(h)
		return s.next(h.about(25 * millisecond))
	case starting:
		s.start(h)
		return s.next(h.about(40 * millisecond))
	case entering:
		s.enter(h)
		return s.next(h.about(think / 2))
	case working:
		return s.work(h)
	case leaving:
		s.leave(h)
		return s.next(4 * millisecond)
	}
	s.pam(h, "CRED_DISP", "setcred grantors=pam_permit", &s.leader)
	s.gone(h, h.now)
	return -1
}

func (s *session) next(wait int64) int64 {
	s.phase++
	return wait
}

func (s *session) say(h *host, message ...string) {
	h.journal.entry(h.now, &s.leader, s.acct.name, message...)
}

// pam writes what sshd's PAM stack tells the audit log.
func (s *session) pam(h *host, record, op string, p *process) {
	h.audit.begin(h.now)
	h.audit.user(record, p, "op=PAM:", op, ` acct="`, s.acct.name, `" exe="`, p.exe, `" hostname=`, s.ip, " addr=", s.ip, " terminal=ssh res=success")
	h.audit.done(false)
}

func (s *session) authenticate(h *host) {
	s.pam(h, "USER_ACCT", "accounting grantors=pam_permit", &s.leader)
	switch k := s.key; {
	case k == nil:
		s.say(h, "Accepted password for ", s.acct.name, " from ", s.ip, " port ", s.port, " ssh2")
	case k.id == "":
		if h.verbose() {
			s.say(h, "Accepted key ", k.kind, " ", k.fingerprint, " found at ", s.cwd, "/.ssh/authorized_keys:1")
		}
		s.say(h, "Accepted publickey for ", s.acct.name, " from ", s.ip, " port ", s.port, " ssh2: ", k.kind, " ", k.fingerprint)
	default:
		ca := h.pop.ca
		if h.verbose() {
			s.say(h, `Accepted certificate ID "`, k.id, `" (serial `, k.serial, ") signed by ", ca.kind, " CA ", ca.fingerprint, " via /etc/ssh/user_ca.pub")
		}
		s.say(h, "Accepted publickey for ", s.acct.name, " from ", s.ip, " port ", s.port, " ssh2: ", k.kind, "-CERT ", k.fingerprint,
			" ID ", k.id, " (serial ", k.serial, ") CA ", ca.kind, " ", ca.fingerprint)
	}
	s.login.accepted = h.now
	h.totals.Logins++
	s.login.id = h.totals.Logins
}

// open is where the kernel gives the process its session.
func (s *session) open(h *host) {
	s.say(h, "pam_unix(sshd:session): session opened for user ", s.acct.name, "(uid=", strconv.Itoa(s.acct.uid), ") by (uid=0)")
	h.ses++
	s.leader.ses, s.leader.auid = h.ses, s.acct
	s.login.ses = h.ses
	h.loginEvent(&s.leader, []string{h.journal.exe, "-D", "-R"})
}

func (h *host) loginEvent(p *process, argv []string) {
	h.audit.begin(h.now)
	h.audit.login(p)
	h.audit.syscall(&call{number: 1, name: "write", exit: 4, args: [4]uint64{3, h.address(), 4, 0}}, p)
	h.audit.proctitle(argv)
	h.audit.done(h.mixed())
}

func (s *session) start(h *host) {
	s.pam(h, "USER_START", "session_open grantors=pam_selinux,pam_loginuid,pam_keyinit,pam_permit,pam_unix,pam_systemd,pam_limits,pam_env", &s.leader)
	s.child = h.pids.take()
	child := s.leader
	child.pid, child.ppid = s.child, s.leader.pid
	s.pam(h, "CRED_ACQ", "setcred grantors=pam_permit", &child)
	if h.verbose() {
		s.say(h, "User child is on pid ", strconv.Itoa(s.child))
	}
	if h.rng.IntN(2) == 0 {
		s.pty = h.takePTY()
	}
}

// enter starts the shell.
func (s *session) enter(h *host) {
	tty, argv := "(none)", []string{"bash", "-c", "cd /srv/app && ./run all"}
	if s.pty >= 0 {
		n := strconv.Itoa(s.pty)
		tty, argv = "pts"+n, []string{"-bash"}
		h.audit.begin(h.now)
		h.audit.user("USER_LOGIN", &s.leader, "op=login id=", strconv.Itoa(s.acct.uid), ` exe="`, s.leader.exe, `" hostname=`, s.ip, " addr=", s.ip, " terminal=/dev/pts/", n, " res=success")
		h.audit.done(false)
		if h.verbose() {
			s.say(h, "Starting session: shell on pts/", n, " for ", s.acct.name, " from ", s.ip, " port ", s.port, " id 0")
		}
	} else if h.verbose() {
		s.say(h, "Starting session: command for ", s.acct.name, " from ", s.ip, " port ", s.port, " id 0")
	}
	s.shell = process{
		pid: h.pids.take(), ppid: s.child, auid: s.acct, uid: s.acct, euid: s.acct, ses: s.leader.ses,
		tty: tty, comm: "bash", exe: "/usr/bin/bash",
	}
	h.audit.begin(h.now)
	h.exec(argv, s.cwd, &s.shell)
	h.audit.done(h.mixed())
}

// work goes on with the current command, begins the next one, or leaves.
func (s *session) work(h *host) int64 {
	r := &s.current
	if r.next < len(r.deeds) {
		r.step(h)
		return h.about(deedGap)
	}
	s.finish(h)
	if s.left <= 0 {
		return s.next(h.about(think / 4))
	}
	s.left--
	s.begin(h)
	return h.about(think)
}

// begin starts a command. The first of a session carries a marker, as long as
// there are any.
func (s *session) begin(h *host) {
	r := &s.current
	r.command = &h.commands[h.rng.IntN(len(h.commands))]
	if s.login.marker == 0 && h.truth.markers < maxMarkers {
		h.truth.markers++
		s.login.marker, s.login.marked = h.truth.markers, h.now
		c := marked(s.login.marker)
		r.command = &c
	}
	r.deeds, r.next, r.cwd = r.plan(r.deeds[:0]), 0, s.cwd
	h.pids.pass(h.rng.IntN(3))
	r.p = s.shell
	r.p.ppid = s.shell.pid
	if r.command.sudo {
		r.sudo = r.p
		r.sudo.pid, r.sudo.comm, r.sudo.exe, r.sudo.euid = h.pids.take(), "sudo", "/usr/bin/sudo", h.pop.root
		r.p.ppid, r.p.uid, r.p.euid = r.sudo.pid, h.pop.root, h.pop.root
	}
	r.p.pid, r.p.exe, r.p.comm = h.pids.take(), r.exe, baseName(r.exe)
}

// finish ends the command's processes.
func (s *session) finish(h *host) {
	r := &s.current
	if r.command == nil {
		return
	}
	h.pids.free(r.p.pid)
	if r.command.sudo {
		h.pids.free(r.sudo.pid)
	}
	r.command, r.deeds, r.next = nil, r.deeds[:0], 0
}

// baseName is what the kernel calls a process: 15 bytes of its file's name.
func baseName(path string) string {
	for i := len(path) - 1; i >= 0; i-- {
		if path[i] == '/' {
			path = path[i+1:]
			break
		}
	}
	return path[:min(len(path), 15)]
}

func (s *session) leave(h *host) {
	s.login.ended = "exit"
	if h.rng.IntN(10) == 0 {
		s.login.ended = "disconnect"
		s.say(h, "Connection closed by ", s.ip, " port ", s.port)
	} else {
		s.say(h, "Received disconnect from ", s.ip, " port ", s.port, ":11: disconnected by user")
		s.say(h, "Disconnected from user ", s.acct.name, " ", s.ip, " port ", s.port)
	}
	s.say(h, "pam_unix(sshd:session): session closed for user ", s.acct.name)
	s.pam(h, "USER_END", "session_close grantors=pam_selinux,pam_loginuid,pam_keyinit,pam_permit,pam_unix,pam_systemd,pam_limits,pam_env", &s.leader)
}

// gone clears up after the session and tells the truth about it.
func (s *session) gone(h *host, at int64) {
	h.pids.free(s.leader.pid)
	h.pids.free(s.child)
	h.pids.free(s.shell.pid)
	if s.pty >= 0 {
		h.ptys[s.pty] = false
	}
	h.open--
	s.login.end = at
	h.truth.session(h, s)
}

// cutOff is the end of a session with which the machine went down.
func (s *session) cutOff(h *host) {
	if s.login.accepted == 0 {
		return // nobody ever logged in
	}
	if s.login.ended == "" {
		s.login.ended = "shutdown"
	}
	s.gone(h, h.now)
}

func (h *host) takePTY() int {
	for i, taken := range h.ptys {
		if !taken {
			h.ptys[i] = true
			return i
		}
	}
	h.ptys = append(h.ptys, true)
	return len(h.ptys) - 1
}
