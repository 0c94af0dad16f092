// Command auditreplay tells who, by which SSH credential, did what on a host,
// from its audit log and sshd's log.
package main

import (
	"os"
)

func main() {
	os.Exit(execute(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
