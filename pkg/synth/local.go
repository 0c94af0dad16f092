package synth

import "strconv"

// units starts and stops services: events of no session.
type units struct{}

func (units) step(h *host) int64 {
	kinds := [...]string{"SERVICE_START", "SERVICE_STOP"}
	names := [...]string{"logrotate", "apt-daily", "systemd-tmpfiles-clean", "fstrim", "man-db"}
	h.system(kinds[h.rng.IntN(2)], "unit="+names[h.rng.IntN(len(names))]+` comm="systemd" exe="/usr/lib/systemd/systemd"`)
	return h.about(20 * second)
}

// cron runs a job from time to time, each in a session of its own.
type cron struct{}

func (cron) step(h *host) int64 {
	if h.closing {
		return -1
	}
	job := &cronJob{acct: h.pop.root}
	if h.rng.IntN(3) == 0 {
		job.acct = h.pop.shared[0]
	}
	job.leader = process{pid: h.pids.take(), ppid: 347, uid: h.pop.root, euid: h.pop.root, tty: "(none)", comm: "cron", exe: "/usr/sbin/cron"}
	h.after(0, job)
	return h.about(30 * second)
}

type cronJob struct {
	acct   *account
	leader process
	child  process
	phase  int
}

func (c *cronJob) step(h *host) int64 {
	c.phase++
	switch c.phase {
	case 1:
		c.pam(h, "USER_ACCT", "accounting grantors=pam_permit")
	case 2:
		c.pam(h, "CRED_ACQ", "setcred grantors=pam_permit")
	case 3:
		h.ses++
		h.totals.Local++
		c.leader.ses, c.leader.auid = h.ses, c.acct
		h.loginEvent(&c.leader, []string{"/usr/sbin/CRON", "-f"})
		h.truth.local(h, c)
	case 4:
		c.pam(h, "USER_START", "session_open grantors=pam_loginuid,pam_env,pam_env,pam_permit,pam_unix,pam_limits")
	case 5:
		c.child = c.leader
		c.child.pid, c.child.ppid, c.child.uid, c.child.euid = h.pids.take(), c.leader.pid, c.acct, c.acct
		c.run(h, "sh", "/usr/bin/dash", []string{"/bin/sh", "-c", "cd / && run-parts --report /etc/cron.hourly"})
	case 6:
		c.run(h, "run-parts", "/usr/bin/run-parts", []string{"run-parts", "--report", "/etc/cron.hourly"})
	case 7:
		h.pids.free(c.child.pid)
		c.pam(h, "CRED_DISP", "setcred grantors=pam_permit")
	default:
		c.pam(h, "USER_END", "session_close grantors=pam_loginuid,pam_env,pam_env,pam_permit,pam_unix,pam_limits")
		h.pids.free(c.leader.pid)
		return -1
	}
	return h.about(30 * millisecond)
}

func (c *cronJob) pam(h *host, record, op string) {
	h.audit.begin(h.now)
	h.audit.user(record, &c.leader, "op=PAM:", op, ` acct="`, c.acct.name, `" exe="/usr/sbin/cron" hostname=? addr=? terminal=cron res=success`)
	h.audit.done(false)
}

func (c *cronJob) run(h *host, comm, exe string, argv []string) {
	c.child.comm, c.child.exe = comm, exe
	h.audit.begin(h.now)
	h.exec(argv, "/", &c.child)
	h.audit.done(h.mixed())
}

// strangers try to get in, and do not.
type strangers struct{}

func (strangers) step(h *host) int64 {
	if h.closing {
		return -1
	}
	a := &attempt{ip: "192.0.2." + strconv.Itoa(1+h.rng.IntN(250)), port: strconv.Itoa(1024 + h.rng.IntN(60000))}
	a.leader = process{pid: h.pids.take(), ppid: h.sshd, uid: h.pop.root, tty: "(none)", comm: h.journal.comm, exe: h.journal.exe}
	names := [...]string{"admin", "root", "deploy", "oracle", "test user", "ubuntu"}
	n := h.rng.IntN(len(names))
	a.name, a.known = names[n], n < 3
	a.password = !a.known || h.rng.IntN(2) == 0
	h.after(0, a)
	return h.about(12 * second)
}

// attempt is a refused login.
type attempt struct {
	leader   process
	name     string
	known    bool // an account of that name exists
	password bool
	ip, port string
	phase    int
	start    int64
}

func (a *attempt) step(h *host) int64 {
	a.phase++
	invalid := ""
	if !a.known {
		invalid = "invalid user "
	}
	switch a.phase {
	case 1:
		a.start = h.now
		if h.verbose() {
			a.say(h, "Connection from ", a.ip, " port ", a.port, ` on 10.20.0.15 port 22 rdomain ""`)
		}
		if !a.known {
			a.say(h, "Invalid user ", a.name, " from ", a.ip, " port ", a.port)
		}
		return h.about(900 * millisecond)
	case 2:
		if a.password {
			h.audit.begin(h.now)
			h.audit.user("USER_AUTH", &a.leader, "op=PAM:authentication grantors=? acct=", quoted(a.name), ` exe="`, a.leader.exe, `" hostname=`, a.ip, " addr=", a.ip, " terminal=ssh res=failed")
			h.audit.done(false)
			a.say(h, "Failed password for ", invalid, a.name, " from ", a.ip, " port ", a.port, " ssh2")
		} else if h.verbose() {
			a.say(h, "Failed publickey for ", a.name, " from ", a.ip, " port ", a.port, " ssh2: RSA SHA256:nobodyKnowsThisKeyAndItOpensNoDoorAtAll00000")
		}
		return h.about(300 * millisecond)
	}
	if invalid == "" {
		invalid = "authenticating user "
	}
	a.say(h, "Connection closed by ", invalid, a.name, " ", a.ip, " port ", a.port, " [preauth]")
	h.audit.begin(h.now)
	h.audit.user("USER_LOGIN", &a.leader, "op=login acct=", quoted(a.name), ` exe="`, a.leader.exe, `" hostname=? addr=`, a.ip, " terminal=sshd res=failed")
	h.audit.done(false)
	h.pids.free(a.leader.pid)
	h.totals.Refused++
	h.truth.refused(h, a)
	return -1
}

func (a *attempt) say(h *host, message ...string) {
	h.journal.entry(h.now, &a.leader, a.name, message...)
}

// quoted is an account's name as user space writes it into a record.
func quoted(name string) string {
	for i := range len(name) {
		if name[i] <= ' ' || name[i] == '"' || name[i] > '~' {
			return hexOf([]string{name})
		}
	}
	return `"` + name + `"`
}
