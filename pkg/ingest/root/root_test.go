package root_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"auditreplay/pkg/ingest"
	"auditreplay/pkg/ingest/keys"
	"auditreplay/pkg/ingest/root"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
)

const (
	record = "type=LOGIN msg=audit(1.000:1): pid=1\n"
	key    = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIC0EUVFaXRRXp18i5ImQ4i2dcGnW8IOvPF/dmMaNjcVg"
)

// zoneData is a TZif file (RFC 8536) of one offset.
func zoneData(abbreviation string, seconds int32) string {
	var b bytes.Buffer
	b.WriteString("TZif\x00" + strings.Repeat("\x00", 15))
	for _, n := range []byte{0, 0, 0, 0, 1, byte(len(abbreviation) + 1)} {
		b.Write([]byte{0, 0, 0, n})
	}
	b.Write([]byte{byte(seconds >> 24), byte(seconds >> 16), byte(seconds >> 8), byte(seconds), 0, 0})
	b.WriteString(abbreviation + "\x00")
	return b.String()
}

// host is a tree: path -> content; "-> X" is a link.
func host() map[string]string {
	return map[string]string{
		"etc/passwd":                            "root:x:0:0:root:/root:/bin/bash\ntoor:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/srv/people/alice:/bin/bash\n+::::::\n",
		"etc/group":                             "root:x:0:\nwheel:x:10:alice\n",
		"etc/hostname":                          "web1\n",
		"etc/machine-id":                        "0123456789abcdef0123456789abcdef\n",
		"etc/os-release":                        "-> ../usr/lib/os-release",
		"usr/lib/os-release":                    "NAME=Debian\nPRETTY_NAME=\"Debian GNU/Linux 12\"\n",
		"etc/localtime":                         "-> /usr/share/zoneinfo/Test/Zone",
		"usr/share/zoneinfo/Test/Zone":          zoneData("TST", 5400),
		"usr/share/zoneinfo/Test/Other":         zoneData("OTH", 0),
		"etc/audit/auditd.conf":                 "log_format = ENRICHED\nlog_file = /data/audit/audit.log\n",
		"data/audit/audit.log":                  record,
		"data/audit/audit.log.1":                record,
		"data/secret.log":                       record,
		"var/log/audit":                         "-> /data/old",
		"data/old":                              "-> older",
		"data/older/audit.log.2":                record,
		"var/log/auth.log":                      "sshd\n",
		"var/log/messages":                      "sshd\n",
		"var/log/other.log":                     record,
		"etc/ssh/sshd_config":                   "Include /etc/ssh/sshd_config.d/*.conf\nAuthorizedKeysFile .ssh/authorized_keys /etc/keys/%u # x\n",
		"etc/ssh/sshd_config.d/ca.conf":         "trustedUserCAKeys=/etc/keys.d/ca.pub\n",
		"etc/keys/alice":                        key + " alice central\n",
		"etc/keys.d/ca.pub":                     key + " the ca\n",
		"srv/people/alice/.ssh/authorized_keys": "# mine\n" + key + " alice@laptop\n",
		"srv/people/alice/.ssh/id":              "private",
		"root/.ssh/authorized_keys":             key + " backup\n",
		"home/x/etc/passwd":                     "evil:x:1000:1000::/:/bin/sh\n",
		"mnt":                                   "-> /",
		"run/log/journal":                       "-> ../../../../outside",
	}
}

func detect(head []byte) (ingest.Kind, string) {
	if bytes.HasPrefix(head, []byte("sshd")) {
		return ingest.SyslogText, ""
	}
	return ingest.UnknownKind, ""
}

func order(tree map[string]string) []string {
	var names []string
	for name := range tree {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func onDisk(t *testing.T, tree map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "image")
	for name, content := range tree {
		file := filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(file), 0o755)
		if target, ok := strings.CutPrefix(content, "-> "); ok && err == nil {
			err = os.Symlink(target, file)
		} else if err == nil {
			err = os.WriteFile(file, []byte(content), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func inTar(t *testing.T, tree map[string]string, top string) string {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	w := tar.NewWriter(z)
	for _, name := range order(tree) {
		h := &tar.Header{Name: top + name, Mode: 0o600, Typeflag: tar.TypeReg, Size: int64(len(tree[name]))}
		body := tree[name]
		if target, ok := strings.CutPrefix(body, "-> "); ok {
			h.Typeflag, h.Linkname, h.Size, body = tar.TypeSymlink, target, 0, ""
		}
		err := w.WriteHeader(h)
		if err == nil {
			_, err = io.WriteString(w, body)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return packed(t, &out, w, z)
}

func inZip(t *testing.T, tree map[string]string, top string) string {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, name := range order(tree) {
		h := &zip.FileHeader{Name: top + name, Method: zip.Deflate}
		body := tree[name]
		h.SetMode(0o600)
		if target, ok := strings.CutPrefix(body, "-> "); ok {
			h.SetMode(fs.ModeSymlink | 0o777)
			body = target
		}
		f, err := w.CreateHeader(h)
		if err == nil {
			_, err = io.WriteString(f, body)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return packed(t, &out, w)
}

func packed(t *testing.T, out *bytes.Buffer, closers ...io.Closer) string {
	t.Helper()
	for _, c := range closers {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(file, out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestOpen(t *testing.T) {
	t.Parallel()
	tree := host()
	for how, test := range map[string]struct{ name, sep string }{
		"directory":         {onDisk(t, tree), "/"},
		"tar.gz":            {inTar(t, tree, "./"), "!"},
		"tar.gz, in folder": {inTar(t, tree, "collected/[root]/"), "!collected/[root]/"},
		"zip":               {inZip(t, tree, ""), "!"},
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			opt := ingest.Options{Detect: []func([]byte) (ingest.Kind, string){detect}}
			r, err := root.Open(test.name, opt)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			at := func(p string) string { return test.name + test.sep + p }

			var got []string
			for _, s := range r.Sources {
				got = append(got, s.Path)
				if s.Root != test.name {
					t.Errorf("%s: root %q", s.Path, s.Root)
				}
			}
			slices.Sort(got)
			want := []string{at("data/audit/audit.log"), at("data/audit/audit.log.1"), at("data/older/audit.log.2"), at("var/log/auth.log")}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("sources (-want +got):\n%s", diff)
			}
			passwd, group := at("etc/passwd"), at("etc/group")
			if diff := cmp.Diff(map[string]root.Name{"0": {"root", passwd + ":1"}, "1000": {"alice", passwd + ":3"}}, r.Users); diff != "" {
				t.Errorf("users (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(map[string]root.Name{"0": {"root", group + ":1"}, "10": {"wheel", group + ":2"}}, r.Groups); diff != "" {
				t.Errorf("groups (-want +got):\n%s", diff)
			}
			says := []string{r.Hostname, r.MachineID, r.OS, r.ZoneName}
			if diff := cmp.Diff([]string{"web1", "0123456789abcdef0123456789abcdef", "Debian GNU/Linux 12", "Test/Zone"}, says); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if r.Zone == nil {
				t.Error("no zone")
			} else if zone, offset := time.Unix(0, 0).In(r.Zone).Zone(); zone != "TST" || offset != 5400 {
				t.Errorf("zone %s %d", zone, offset)
			}
			wantKeys := []string{
				at("etc/keys.d/ca.pub") + ":1 the ca true", at("etc/keys/alice") + ":1 alice central false",
				at("root/.ssh/authorized_keys") + ":1 backup false", at("srv/people/alice/.ssh/authorized_keys") + ":2 alice@laptop false",
			}
			if diff := cmp.Diff(wantKeys, keyLines(r.Keys)); diff != "" {
				t.Errorf("keys (-want +got):\n%s", diff)
			}
		})
	}
}

func keyLines(list []keys.Key) []string {
	var out []string
	for _, k := range list {
		out = append(out, fmt.Sprintf("%s %s %t", k.From, k.Name, k.CA))
	}
	return out
}

func TestOpenNothing(t *testing.T) {
	t.Parallel()
	dir := onDisk(t, map[string]string{"notes": "x", "sub/etc/passwd": "x:x:1:"})
	for _, name := range []string{dir, path.Join(dir, "notes"), path.Join(dir, "missing"), "-"} {
		if r, err := root.Open(name, ingest.Options{}); err == nil {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// Where there is no auth.log and no secure, sshd's lines are in messages; a
// zone without its data has a name alone; UTC needs no data.
func TestOpenLittle(t *testing.T) {
	t.Parallel()
	dir := onDisk(t, map[string]string{
		"var/log/messages-20240101": "sshd\n", "etc/localtime": "-> ../usr/share/zoneinfo/Europe/Berlin", "etc/hostname": "# c\nsuse\n",
		"etc/machine-id": "uninitialized\n",
	})
	r, err := root.Open(dir, ingest.Options{Detect: []func([]byte) (ingest.Kind, string){detect}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if len(r.Sources) != 1 || r.ZoneName != "Europe/Berlin" || r.Zone != nil || r.Hostname != "suse" || r.MachineID != "" {
		t.Errorf("%+v", r)
	}
	dir = onDisk(t, map[string]string{"etc/timezone": "Etc/UTC\n"})
	utc, err := root.Open(dir, ingest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer utc.Close()
	if utc.Zone != time.UTC {
		t.Errorf("zone %v", utc.Zone)
	}
}

func ExampleParseNames() {
	users, err := root.ParseNames("passwd", strings.NewReader("root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n"))
	if err != nil {
		panic(err)
	}
	fmt.Println(users["1000"].Name, users["1000"].From)
	// Output: alice passwd:2
}
