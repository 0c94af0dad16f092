package keys_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"auditreplay/pkg/ingest/keys"

	"github.com/google/go-cmp/cmp"
)

func ExampleParse() {
	file := `# staff
ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIC0EUVFaXRRXp18i5ImQ4i2dcGnW8IOvPF/dmMaNjcVg alice
SHA256:jys9EotStAowvd2/Iu930sq9+WcE16FJ+HF2t1YcMMk,bob
`
	list, err := keys.Parse("staff", strings.NewReader(file))
	if err != nil {
		panic(err)
	}
	for _, k := range list {
		fmt.Println(k.From, k.Fingerprint, k.Name)
	}
	// Output:
	// staff:2 SHA256:ho6r4Wy/yJYKdRLr+NL8PW2mfoYC9ieFzY2VVFlkSys alice
	// staff:3 SHA256:jys9EotStAowvd2/Iu930sq9+WcE16FJ+HF2t1YcMMk bob
}

// Keys and certificates made by ssh-keygen; what it says of them.
const (
	ed25519     = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIC0EUVFaXRRXp18i5ImQ4i2dcGnW8IOvPF/dmMaNjcVg"
	ed25519Cert = "ssh-ed25519-cert-v01@openssh.com AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29tAAAAIEyNnLtXMAYE8yEuIo9zOxX4+6ugF8Dd+royUZvFvko2AAAAIC0EUVFaXRRXp18i5ImQ4i2dcGnW8IOvPF/dmMaNjcVgAAAAAAAAAAAAAAABAAAAAmlkAAAACQAAAAVhbGljZQAAAAAAAAAA//////////8AAAAAAAAAggAAABVwZXJtaXQtWDExLWZvcndhcmRpbmcAAAAAAAAAF3Blcm1pdC1hZ2VudC1mb3J3YXJkaW5nAAAAAAAAABZwZXJtaXQtcG9ydC1mb3J3YXJkaW5nAAAAAAAAAApwZXJtaXQtcHR5AAAAAAAAAA5wZXJtaXQtdXNlci1yYwAAAAAAAAAAAAAAMwAAAAtzc2gtZWQyNTUxOQAAACCehpJqkvzjSwNjpj9RI3vHw7vmkMoFhTnoxpwRVPmPiQAAAFMAAAALc3NoLWVkMjU1MTkAAABAzhuTbdop2YI+DyxnPg+6h8Y5R5sFiwvEON9IDbSRPbrXv4A2BgvzDLRQhWxNk+4K2DJZGdgqgA7ygrDu91wrBA=="
	ecdsa       = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBOMoU2xyNL65jizs5t+kIcPLIvHltih8yMR95dczjlnSPawsfe3YoPmXaCzxIl+JY/Y/AweDvzm6zarRTwXOcWQ="
	ecdsaCert   = "ecdsa-sha2-nistp256-cert-v01@openssh.com AAAAKGVjZHNhLXNoYTItbmlzdHAyNTYtY2VydC12MDFAb3BlbnNzaC5jb20AAAAgRIvaQR9get8S8soM3S13N98xd2HKFm3X5Iu4dp8mdRAAAAAIbmlzdHAyNTYAAABBBOMoU2xyNL65jizs5t+kIcPLIvHltih8yMR95dczjlnSPawsfe3YoPmXaCzxIl+JY/Y/AweDvzm6zarRTwXOcWQAAAAAAAAAAAAAAAEAAAACaWQAAAAJAAAABWFsaWNlAAAAAAAAAAD//////////wAAAAAAAACCAAAAFXBlcm1pdC1YMTEtZm9yd2FyZGluZwAAAAAAAAAXcGVybWl0LWFnZW50LWZvcndhcmRpbmcAAAAAAAAAFnBlcm1pdC1wb3J0LWZvcndhcmRpbmcAAAAAAAAACnBlcm1pdC1wdHkAAAAAAAAADnBlcm1pdC11c2VyLXJjAAAAAAAAAAAAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIJ6GkmqS/ONLA2OmP1Eje8fDu+aQygWFOejGnBFU+Y+JAAAAUwAAAAtzc2gtZWQyNTUxOQAAAEBcZdI4Zkw8KSa/YspYc3+nU+2/xcqct5UOop4oJnI3qxio3xvEq8v/NYBY2NpJJPJm7yx8dhvOavUzkWf76IUP"

	ed25519SHA = "SHA256:ho6r4Wy/yJYKdRLr+NL8PW2mfoYC9ieFzY2VVFlkSys"
	ed25519MD5 = "MD5:cf:b6:57:dd:17:0d:4f:8e:d0:10:ac:bb:d5:b1:4d:bd"
	ecdsaSHA   = "SHA256:8aY42O9O2vRd/zTUeD8iPUrYImTY57WYLUCPQDkxU1c"
	ecdsaMD5   = "MD5:a4:1e:08:7d:11:75:50:00:7d:aa:3b:31:31:90:d4:46"
)

func TestParse(t *testing.T) {
	t.Parallel()
	ed := keys.Key{Fingerprint: ed25519SHA, MD5: ed25519MD5, Type: "ssh-ed25519", From: "f:1"}
	ec := keys.Key{Fingerprint: ecdsaSHA, MD5: ecdsaMD5, Type: "ecdsa-sha2-nistp256", From: "f:1"}
	with := func(k keys.Key, name string, ca bool) keys.Key { k.Name, k.CA = name, ca; return k }
	for _, test := range []struct {
		line string
		want keys.Key
	}{
		{ed25519, ed},
		{ed25519 + " alice@laptop", with(ed, "alice@laptop", false)},
		{ed25519 + ` Alice "the admin" Smith's key`, with(ed, `Alice "the admin" Smith's key`, false)},
		{ecdsa + " bob\r", with(ec, "bob", false)},
		{ed25519Cert + " alice", with(ed, "alice", false)},
		{ecdsaCert + " bob", with(ec, "bob", false)},
		{`restrict,command="echo \"ssh-rsa AAAA\" # x",from="10.0.0.0/8" ` + ed25519 + " backup", with(ed, "backup", false)},
		{`cert-authority,principals="alice,bob" ` + ed25519 + " user-ca", with(ed, "user-ca", true)},
		{`command="cert-authority" ` + ed25519 + " not-a-ca", with(ed, "not-a-ca", false)},
		{"alice@example.com " + ed25519, with(ed, "alice@example.com", false)},
		{`alice@example.com namespaces="git,file",valid-after="20240101" ` + ed25519 + " laptop", with(ed, "alice@example.com", false)},
		{`"alice@example.com,alice@example.org" ` + ecdsa, with(ec, "alice@example.com,alice@example.org", false)},
		{"*@example.com cert-authority " + ed25519 + " staff CA", with(ed, "staff CA", true)},
		{ed25519SHA + ",alice", keys.Key{Fingerprint: ed25519SHA, Name: "alice", From: "f:1"}},
		{ed25519SHA[7:] + `=,"Smith, Alice"`, keys.Key{Fingerprint: ed25519SHA, Name: "Smith, Alice", From: "f:1"}},
		{strings.ToUpper(ed25519MD5) + ", alice", keys.Key{MD5: ed25519MD5, Name: "alice", From: "f:1"}},
	} {
		got, err := keys.Parse("f", strings.NewReader(test.line+"\n"))
		if diff := cmp.Diff([]keys.Key{test.want}, got); diff != "" || err != nil {
			t.Errorf("%s: error %v (-want +got):\n%s", test.line, err, diff)
		}
	}
}

func TestParseBad(t *testing.T) {
	t.Parallel()
	file := strings.Join([]string{
		"\ufefffingerprint,name",
		"-----BEGIN OPENSSH PRIVATE KEY-----",
		"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5!!! x",
		"ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIC0EUVFaXRRXp18i5ImQ4i2dcGnW8IOvPF/dmMaNjcVg x",
		`command="open ` + ed25519,
		"SHA256:short,alice",
		ed25519 + " alice",
	}, "\n")
	got, err := keys.Parse("f", strings.NewReader(file))
	if len(got) != 1 || got[0].From != "f:7" {
		t.Errorf("keys %+v", got)
	}
	want := []string{
		"f:2: no public key and no fingerprint",
		"f:3: damaged public key",
		"f:4: damaged public key: it is not of the type ssh-rsa",
		"f:5: quote without an end",
		`f:6: "SHA256:short" is no fingerprint (SHA256:... or MD5:aa:bb:...)`,
	}
	if err == nil || err.Error() != strings.Join(want, "\n") {
		t.Errorf("error %v", err)
	}
}

// FuzzParse: no line panics, and each gives a key, an error, or is a comment.
func FuzzParse(f *testing.F) {
	for _, line := range []string{ed25519, ed25519Cert, ecdsaCert, `a="\",b ` + ecdsa, ed25519SHA + ",x", "# x"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		got, err := keys.Parse("f", io.MultiReader(strings.NewReader(line), strings.NewReader("\n"+ed25519+" last\n")))
		if len(got) == 0 || got[len(got)-1].Name != "last" {
			t.Errorf("keys %v, error %v", got, err)
		}
	})
}
