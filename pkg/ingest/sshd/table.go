package sshd

// pattern is one message of sshd: how it starts, what it says, and how the
// rest is read. A nil parse takes any rest.
type pattern struct {
	prefix string
	kind   Kind
	by     string // L listener, M monitor, N net child (shown with M's PID), P PAM helper, U user child
	parse  func(rest string, l *Line) bool
	source string // OpenSSH's function and the versions that have it
}

// patterns are tried in order; the more special of two stands first.
var patterns = [...]pattern{
	// Authentication results.
	{"Accepted key ", KeyListed, "M", listedKey, "auth2-pubkey.c auth_check_authkey_line 7.7+"},
	{"Accepted certificate ID ", KeyListed, "M", listedCert, "auth2-pubkey.c user_cert_trusted_ca, auth_check_authkey_line 5.9+"},
	{"Accepted ", KeyListed, "M", listedHostKey, "auth2-hostbased.c hostbased_key_allowed 5.9+"},
	{"Accepted ", Accepted, "M", decided, "auth.c auth_log 5.3+"},
	{"Failed ", Failed, "MN", decided, "auth.c auth_log 5.3+, auth2-gss.c 10.4+"},
	{"Partial ", Partial, "M", decided, "auth.c auth_log 6.2+"},
	{"Postponed ", Postponed, "N", decided, "auth.c auth_log 5.3+"},
	{"maximum authentication attempts exceeded for ", MaxTries, "N", maxTries, "auth.c auth_maxtries_exceeded 6.8+"},
	{"Access denied for user ", Denied, "N", deniedByPAM, "auth2.c userauth_finish 5.3+"},
	{"administratively prohibited connection for ", Denied, "M", prohibited, "auth.c getpwnamallow 9.9+ (RefuseConnection)"},

	// The start and the parts of a connection.
	{"Connection from ", Closed, "NU", timedOut, "packet.c sshpkt_vfatal 7.5+"},
	{"Connection from ", Closed, "MU", refusedConnection, "packet.c, session.c 7.3+"},
	{"Connection from ", Connect, "M", connectionFrom, "sshd.c main 5.3+"},
	{"User child is on pid ", Child, "M", child, "sshd.c privsep_postauth 5.3+"},
	{"Starting session: ", Starting, "U", starting, "session.c do_exec 6.5+"},
	{"Close session: user ", SessionClosed, "U", closedSession, "session.c session_close 7.2+"},
	{"pam_", PAMOpened, "M", pamOpened, "Linux-PAM pam_unix_sess.c"},
	{"pam_", PAMClosed, "M", pamClosed, "Linux-PAM pam_unix_sess.c"},
	{"pam_", PAMFailed, "MP", pamFailed, "Linux-PAM support.c _unix_verify_password and others"},
	{"pam_", Info, "MPU", pamOther, "Linux-PAM pam_vsyslog"},

	// The end of a connection.
	{"Received disconnect from ", Goodbye, "NU", disconnect, "packet.c ssh_packet_read_poll_seqnr 5.3+"},
	{"Disconnected from ", Goodbye, "NU", who, "packet.c sshpkt_vfatal 6.8+"},
	{"Connection closed by ", Closed, "NU", who, "packet.c sshpkt_vfatal 5.3+, serverloop.c 7.3+"},
	{"Connection reset by ", Closed, "NU", who, "packet.c sshpkt_vfatal 6.9+"},
	{"Disconnecting: ", Kicked, "NU", reasonIs, "packet.c ssh_packet_disconnect, to 7.4"},
	{"Disconnecting ", Kicked, "NU", disconnecting, "packet.c ssh_packet_disconnect 7.5+"},
	{"Read error from remote host ", Closed, "U", readError, "serverloop.c process_input 5.3+"},
	{"Timeout, client not responding", Closed, "U", clientGone, "serverloop.c client_alive_check 5.3+; with the peer 7.7+"},
	{"terminating inactive connection from ", Kicked, "U", who, "serverloop.c wait_until_can_do_something 9.2+"},
	{"Exiting on signal ", Killed, "U", reasonIs, "serverloop.c server_loop2, to 9.7"},
	{"mm_reap: ", Killed, "M", reaped, "monitor_wrap.c mm_reap 9.8+"},
	{"session process ", Killed, "L", sessionProcess, "sshd.c child_reap 9.8+"},
	{"Write failed: ", Closed, "NU", reasonIs, "packet.c packet_write_poll, to 6.7"},
	{"Closing connection to ", Info, "U", peerOnly, "serverloop.c server_loop2 5.3+"},
	{"Transferred: sent ", Info, "U", nil, "serverloop.c server_loop2 5.3+"},

	// Account screening.
	{"Invalid user ", Invalid, "M", invalidUser, "auth.c getpwnamallow 5.3+"},
	{"Illegal user ", Invalid, "M", invalidUser, "auth.c getpwnamallow, before 4.0"},
	{"input_userauth_request: invalid user ", Invalid, "N", invalidName, "auth2.c input_userauth_request, to 7.4"},
	{"User ", Refused, "MU", notAllowed, "auth.c allowed_user, session.c do_nologin 5.3+"},
	{"User ", Refused, "M", passwordExpired, "auth-shadow.c auth_shadow_pwexpired 5.3+"},
	{"Account ", Refused, "M", accountExpired, "auth-shadow.c auth_shadow_acctexpired 5.3+"},
	{"ROOT LOGIN REFUSED FROM ", Refused, "MN", rootRefused, "auth.c auth_root_allowed 5.3+"},
	{"Login name ", Info, "M", nil, "auth.c getpwnamallow 5.9-7.9"},
	{"Root login accepted for forced command.", Info, "MN", nil, "auth.c auth_root_allowed 5.3+"},
	{"Could not get shadow information for ", Info, "M", nil, "auth.c allowed_user 5.3+"},
	{"PAM: pam_", Info, "M", nil, "auth-pam.c do_pam_session 5.3+"},
	{"PAM: ", KeyRefused, "MP", pamRefused, "auth-pam.c sshpam_query 5.3+"},
	{"PAM user ", Info, "M", nil, "auth-pam.c 10.1+"},
	{"wrong user name passed to monitor: ", Info, "M", nil, "monitor.c monitor_valid_userblob 5.3+"},

	// Keys and certificates.
	{"Certificate invalid: ", KeyRefused, "M", certInvalid, "sshkey.c sshkey_cert_check_authority 5.9+"},
	{"Certificate contains unsupported ", KeyRefused, "M", certWhole, "auth2-pubkeyfile.c, auth-options.c 5.9+"},
	{"Certificate ", KeyRefused, "M", certInvalid, "sshkey.c, auth2-pubkey.c 5.9+"},
	{"Invalid certificate options", KeyRefused, "M", certWhole, "auth2-pubkey.c 7.7+"},
	{"Key is not a certificate", KeyRefused, "M", certWhole, "auth2-pubkey.c 5.9+"},
	{"Refusing certificate ID ", KeyRefused, "M", refusingCert, "auth2-pubkey.c, auth2-pubkeyfile.c 10.1+"},
	{"Refused by ", KeyRefused, "M", refusedBy, "auth2-pubkeyfile.c, auth2-pubkey.c 7.7+"},
	{"Authentication key ", KeyRefused, "M", revoked, "auth.c auth_key_is_revoked 6.8+"},
	{"WARNING: authentication attempt with a revoked ", KeyRefused, "M", revokedOld, "auth.c auth_key_is_revoked 5.9-6.7"},
	{"WARNING: revoked key for ", KeyRefused, "M", revokedFor, "auth.c auth_key_is_revoked 5.9+"},
	{"Error checking authentication key ", KeyRefused, "M", notChecked, "auth.c auth_key_is_revoked 6.8+"},
	{"refusing previously-used ", KeyRefused, "MN", usedBefore, "auth2-pubkey.c userauth_pubkey 6.8+"},
	{"refusing ", KeyRefused, "MN", badLength, "auth2-pubkey.c userauth_pubkey 9.1+ (RequiredRSASize)"},
	{"userauth_pubkey: ", KeyRefused, "N", notAccepted, "auth2-pubkey.c userauth_pubkey 6.8+"},
	{"userauth_hostbased: ", KeyRefused, "N", notAccepted, "auth2-hostbased.c userauth_hostbased 6.8+"},
	{"key type ", KeyRefused, "N", notAccepted, "auth2-pubkey.c userauth_pubkey 7.0-8.9"},
	{"public key ", KeyRefused, "M", noTouch, "monitor.c mm_answer_keyverify 8.2+"},
	{"Authentication tried for ", KeyRefused, "M", wrongPlace, "auth-options.c, to 7.6"},
	{"Authentication refused", Info, "M", nil, "auth.c, misc.c safe_path 5.3+ (StrictModes)"},
	{"Could not open user ", Info, "M", nil, "auth2-pubkeyfile.c auth_openfile 9.1+"},
	{"Could not open authorized ", Info, "M", nil, "auth.c auth_openfile, to 9.0"},
	{"AuthorizedKeysCommand", Info, "M", nil, "misc.c subprocess 6.2+"},
	{"AuthorizedPrincipalsCommand", Info, "M", nil, "misc.c subprocess 6.9+"},

	// Listener.
	{"Server listening on ", Listening, "L", listening, "sshd.c server_listen 5.3+"},
	{"Received signal ", Stopping, "L", stopping, "sshd.c server_accept_loop 5.3+"},
	{"Received SIGHUP; restarting.", Info, "L", nil, "sshd.c sighup_restart 5.3+"},
	{"Timeout before authentication for connection from ", Expired, "L", expiredPID, "sshd.c child_reap 9.8+"},
	{"Timeout before authentication for ", Expired, "M", expired, "sshd.c grace_alarm_handler 5.3-9.7"},
	{"drop connection #", Info, "L", nil, "sshd.c drop_connection 7.4+"},
	{"srclimit_penalise: ", Info, "L", nil, "srclimit.c srclimit_penalise 9.8+"},
	{"beginning MaxStartups throttling", Info, "L", nil, "sshd.c should_drop_connection 8.4-9.9"},
	{"in MaxStartups throttling for ", Info, "L", nil, "sshd.c should_drop_connection 8.4-9.9"},
	{"exited MaxStartups throttling after ", Info, "L", nil, "sshd.c should_drop_connection 8.4-9.9"},
	{"Session process ", Info, "L", nil, "sshd.c child_reap 9.8+"},

	// Before authentication, without an account.
	{"kex_exchange_identification: ", Info, "MN", nil, "kex.c kex_exchange_identification 8.0+"},
	{"banner exchange: Connection from ", Closed, "MN", toColon, "packet.c sshpkt_vfatal 8.3+"},
	{"Unable to negotiate with ", Closed, "N", toColon, "packet.c sshpkt_vfatal 7.0+"},
	{"ssh_dispatch_run_fatal: Connection from ", Closed, "NU", toColon, "dispatch.c ssh_dispatch_run_fatal 6.8+"},
	{"Did not receive identification string from ", Closed, "M", who, "sshd.c sshd_exchange_identification, to 7.9"},
	{"Bad protocol version identification '", Info, "M", nil, "sshd.c sshd_exchange_identification, to 7.9"},
	{"probed from ", Info, "MN", nil, "kex.c 5.3+"},
	{"scanned from ", Info, "MN", nil, "kex.c 5.3+"},
	{"refused connect from ", Info, "M", nil, "tcp-wrappers (Debian patch)"},
	{"Address ", Info, "MNU", nil, "canohost.c remote_hostname 5.3+"},
	{"reverse mapping checking ", Info, "MNU", nil, "canohost.c remote_hostname 5.3+"},
	{"Nasty PTR record ", Info, "MNU", nil, "canohost.c remote_hostname 5.3+"},

	// Within a session.
	{"subsystem request for ", Info, "U", nil, "session.c session_subsystem_req 5.9+"},
	{"Changed root directory to ", Info, "U", nil, "session.c safely_chroot 5.3+"},
	{"Received request from ", Info, "U", nil, "serverloop.c, channels.c 8.1+"},
	{"refused local port forward: ", Info, "U", nil, "serverloop.c 6.2+"},
	{"refused streamlocal port forward: ", Info, "U", nil, "serverloop.c 6.7+"},
	{"connect_to ", Info, "U", nil, "channels.c connect_to_helper 5.3+"},
	{"channel ", Info, "U", nil, "channels.c 5.3+"},
	{"X11 connection rejected ", Info, "U", nil, "channels.c x11_open_helper 5.3+"},
	{"syslogin_perform_logout: ", Info, "M", nil, "sshlogin.c, loginrec.c 5.3+"},

	// Location, ": ", message: no prefix of its own.
	{"", KeyRefused, "M", wrongPlaceAt, "auth2-pubkeyfile.c auth_authorise_keys 7.7+"},
}
