package follow

import (
	"net"
	"os"
)

// Notify tells systemd how the service is ("READY=1", "STOPPING=1"), as
// sd_notify(3) does: a datagram to the socket that NOTIFY_SOCKET names. Without
// that it does nothing.
func Notify(state string) error {
	name := os.Getenv("NOTIFY_SOCKET")
	if name == "" {
		return nil
	}
	if name[0] == '@' {
		name = "\x00" + name[1:]
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.Write([]byte(state))
	return err
}
