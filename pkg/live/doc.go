// Package live is the pipeline of follow: the same evidence as package replay
// reads, in the same stages, but one pass over lines as they are written.
//
//	audit lines -> records -> events ---------+
//	                                          +-> tracker, one per boot -> scope -> output
//	sshd's messages -> connections -> logins -+
//
// A replay knows all of the evidence before it writes anything. Here every
// stage has to say when it has waited long enough, and each such wait is a
// span of record time: what the records themselves say the time is. That gives
// the same output however fast the lines come. The wall clock, which comes in
// as data with every Round, serves only where the log itself stands still.
//
//   - units.go: an event is closed when the record that ends it is there, else
//     after two seconds. A record that comes later is an event of its own, marked
//     late.
//   - boots.go: a new boot begins where the serials begin again, or where the
//     journal says so.
//   - sessions.go: a session's events are held until its login is known, at most
//     the login window, and all that belongs to its opening was read, of which
//     the tracker says where it ends (Opening).
//   - logins.go: a login is written when its session is found or the window is
//     over, a refused one when its connection can say no more about it, and a
//     logout when no line can say better how the session ended.
//
// All that is held is part of the state (state.go), so that a restart goes on
// where the last state was saved.
package live
