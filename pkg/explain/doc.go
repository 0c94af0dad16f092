// Package explain says why an event, a session or a login was given to a
// credential: every step from the line in which sshd accepted the credential
// to the record of the event, with the place of each and the lines themselves;
// which other logins could have been meant, and why they were not; and what
// would overturn the conclusion.
//
// It asks the tracker that joined the sessions for what was decided, and reads
// the lines at the places that the decision cites again from the evidence. So
// a reader needs to believe neither: each step can be checked in the files.
//
// # Targets
//
// A Target is the name of an audit event (1679060258.126:30361, as ausearch
// prints it), an audit session's id (67), or the auditId of a UserLogin. An id
// of a session or event may occur on several hosts or boots; Options narrow it.
package explain
