// Package replay is the one pipeline from evidence to events.
//
//	sources -> carriers -> records, messages -> tracker -> filters -> view
//
// It reads the evidence more than once, because a session's proof may stand
// after its first event, and because only a look at all of it tells where one
// boot ends, how far sshd's clock is off, and when an event is complete:
//
//   - scan.go reads everything once and keeps little: the lowest time of every
//     stretch of records, the facts about sessions, who is named as host.
//   - hosts.go, boots.go and clock.go draw the conclusions: hosts, their boots,
//     the offset of sshd's clock.
//   - chains.go and overlap.go tell apart the events of two boots whose times
//     overlap, because a clock was behind: by the serials, which rise in each.
//   - logins.go reads sshd's messages in the order of time and makes logins of
//     them, each in its boot.
//   - emit.go reads the records again, in the order of time, and writes.
//
// Time is data: nothing here reads a clock.
package replay
