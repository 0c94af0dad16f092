package tracker

// NeedsProcesses reports whether events of no session matter to the tracker,
// because the processes below a login's sshd may be among them.
func (t *SessionTracker) NeedsProcesses() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !t.procs.owners.empty()
}

// NeedsWhole reports whether Event looks at more of an event than
// auditd.Builder.Begin fills, unless it writes it.
func (t *SessionTracker) NeedsWhole() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !t.resolved || !t.opt.AllHaveSes || !t.procs.owners.empty() || t.shared
}

// Shares reports whether, once Resolve has decided, several logins share a
// session, so that the ancestry of its processes matters.
func (t *SessionTracker) Shares() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.shared
}
