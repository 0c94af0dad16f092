package tracker_test

import (
	"errors"
	"fmt"
	"os"
	"time"

	"auditreplay/pkg/schema"
	sessiontracker "auditreplay/pkg/tracker"

	"github.com/elastic/go-libaudit/v2/aucoalesce"
	"github.com/elastic/go-libaudit/v2/auparse"
	"github.com/metal-toolbox/auditevent"
	"go.uber.org/zap"
)

var logger = zap.NewNop().Sugar()

// toStdout writes events as JSON Lines, each at once.
func toStdout() *auditevent.EventWriter {
	return auditevent.NewAuditEventWriter(unbuffered{schema.NewEncoder(os.Stdout)})
}

type unbuffered struct{ *schema.Encoder }

func (u unbuffered) Encode(v any) error {
	if err := u.Encoder.Encode(v); err != nil {
		return err
	}
	return u.Flush()
}

func ExampleSessionTracker_RemoteLogin() {
	tracker := sessiontracker.NewSessionTracker(toStdout(), logger)
	err := tracker.RemoteLogin(sessiontracker.RemoteUserLogin{
		Source:     nil,
		PID:        999,
		CredUserID: "foo",
	})
	var failed *sessiontracker.SessionTrackerError
	fmt.Println(errors.As(err, &failed) && failed.RemoteLoginFailed())
	fmt.Println(err)
	// Output:
	// true
	// remote user login: Source is nil
}

func ExampleSessionTracker_AuditdEvent() {
	st := sessiontracker.NewSessionTracker(toStdout(), logger)
	err := st.RemoteLogin(sessiontracker.RemoteUserLogin{
		Source: &auditevent.AuditEvent{
			LoggedAt: time.Unix(1679060221, 952459000),
			Source:   auditevent.EventSource{Type: "IP", Value: "6.6.6.2", Extra: map[string]any{"port": "59145"}},
			Subjects: map[string]string{"loggedAs": "core", "userID": "alice@example.com", "pid": "25130"},
		},
		PID:        25130,
		CredUserID: "alice@example.com",
	})
	if err != nil {
		fmt.Println(err)
	}
	sessionID := "67"
	ae := &aucoalesce.Event{
		Timestamp: time.Unix(1679060222, 0),
		Sequence:  30300,
		Type:      auparse.AUDIT_LOGIN,
		Result:    "success",
		Session:   sessionID,
		Process:   aucoalesce.Process{PID: "25130"},
	}
	if err := st.AuditdEvent(ae); err != nil {
		fmt.Println(err)
	}
	// Output:
	// {"metadata":{"auditId":"67","extra":{"event":{"id":"1679060222.000:30300","pos":"","type":"LOGIN"},"process":{"pid":25130},"session":{"attribution":"sshd","evidence":["boot","pid","time"],"id":"67"}}},"type":"UserAction","loggedAt":"2023-03-17T13:37:02Z","source":{"type":"IP","value":"6.6.6.2","extra":{"port":"59145"}},"outcome":"succeeded","subjects":{"loggedAs":"core","pid":"25130","userID":"alice@example.com"},"component":"auditd"}
}

func ExampleSessionTracker_DeleteUsersWithoutLoginsBefore() {
	st := sessiontracker.NewSessionTracker(toStdout(), logger)
	ae := &aucoalesce.Event{Timestamp: time.Unix(1679060222, 0), Type: auparse.AUDIT_LOGIN, Session: "67", Process: aucoalesce.Process{PID: "25130"}}
	if err := st.AuditdEvent(ae); err != nil {
		fmt.Println(err)
	}
	st.DeleteUsersWithoutLoginsBefore(time.Now())
	// Output:
}

func ExampleSessionTracker_DeleteRemoteUserLoginsBefore() {
	st := sessiontracker.NewSessionTracker(toStdout(), logger)

	var staleDataCleanupInterval = 1 * time.Minute
	aMinuteAgo := time.Now().Add(-staleDataCleanupInterval)

	st.DeleteRemoteUserLoginsBefore(aMinuteAgo)
	// Output:
}
