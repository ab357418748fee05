package process_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/pipeline"
	"github.com/logferry/logferry/pipeline/process"
)

var _ pipeline.Concealer = (*process.Redactor)(nil)

const allPatterns = process.Credentials | process.Tokens | process.Cards | process.Emails | process.IPs

// through is a line after it went through a processor, whose batch must come out
// with that line or none.
func through(t testing.TB, p pipeline.Processor, line string, attrs ...batch.Attr) batch.Entry {
	t.Helper()
	b := batch.New(&batch.Pool{Poison: true}, batch.Labels{})
	defer b.Settle(nil)
	was := []byte(line)
	b.AppendShared(time.Time{}, was, attrs...)
	before := b.Entries[0].Attrs
	if err := p.Process(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if string(was) != line || !slices.Equal(before, attrs) {
		t.Errorf("%q %v was written over: %q %v", line, attrs, was, before)
	}
	if len(b.Entries) != 1 {
		return batch.Entry{}
	}
	return b.Entries[0].Clone()
}

// What is between ‹ and › is secret; between « and » it is so, and no string.
var secrets = []string{
	// credentials by name
	"login password=‹hunter2› user=bob",
	"password: ‹hunter2›",
	"PGPASSWORD=‹x› psql",
	"password=‹a,b;c&d› user=bob",
	"password=‹a›&user=bob",
	"password=‹a›,user=bob,next=1",
	"Server=db;Password=‹p@ss›;Database=x",
	"password=‹[a]bc› user=bob", "password: ‹{a}b[c›", "password=‹[redacted:credential]bc› x", "--password ‹[a b]!c› x",
	"password=‹[a]›, user=bob", "{password: ‹[a]›}", "map[password:‹[a b]› user:bob]", `{password:‹["a"]›,user:"x"}`,
	"{password=‹abc›, user=bob}",
	`password="‹a b \" c›" x=1`,
	`password='‹a b›' x=1`,
	`password="‹never ends`, "password='‹it's›' x", `password="‹a"b›" x`, "password=‹it's› x", "{'password': '‹a b›', 'n': 1}",
	`{"user":"bob","password":"‹a\"b\\›","n":1}`,
	`{"password" : "‹a›"}`,
	`{"log":"{\"password\":\"‹a b›\",\"x\":1}"}`,
	`{"log":"{\"password\":\"‹a \\\" b\\\\›\",\"x\":1}"}`,
	`{"log":"{\\\"password\\\":\\\"‹a b›\\\",\\\"x\\\":1}"}`,
	`{"url":"https://h/x?token=‹abc›"}`,
	`{"log":"{\"url\":\"https://h/x?token=‹abc›\"}"}`,
	"GET /x?api_key=‹abc123›&page=2 HTTP/1.1",
	"GET /x?page=2&apiKey=‹abc123› HTTP/1.1",
	"POST user[password]=‹abc›&x=1",
	"POST user%5Bpassword%5D=‹abc›&x=1",
	"--db-password=‹abc› --verbose",
	"AWS_SECRET_ACCESS_KEY=‹wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY›",
	"DefaultEndpointsProtocol=https;AccountName=n;AccountKey=‹abc==›;EndpointSuffix=x",
	"SMTP_PASS=‹abc›", "password2=‹abc›", "X-Auth-Token: ‹abc›", "client_secret=‹abc›",
	`"password"=>"‹abc›", "x"=>1`, "password := ‹abc›", "password == ‹abc›",
	`"secrets":«["a","b]"]»,"x":1`, `"credentials":«{"a":{"b":"c}"}}»,"x":1`, `"secrets":«["a","b"»`, `{"pwd":«12.5»,"x":1}`,
	"Cookie: ‹sid=1›",
	"Authorization: Bearer ‹abc›", "authorization=Basic ‹abc=›", "Proxy-Authorization: ‹abc›",
	"curl -H 'Authorization: Bearer ‹abc›' https://h", `{"Authorization":"Bearer ‹abc›"}`, `{"Authorization":"‹abc›"}`,
	`{"h":"{\"authorization\":\"Token ‹abc›\"}"}`,
	`Authorization: ‹Digest username="a", response="b"›`, "Authorization: ‹AWS4-HMAC-SHA256 Credential=a, Signature=b›\nHost: x",
	"sent bearer ‹abcdefgh1›", "header Basic ‹dXNlcjpwYXNz›", "Basic ‹dXNlcjpwYXNzdw==›",
	"Cookie: ‹sid=1; b=\"x;y\"; c=d›\nHost: x", "curl -H 'Cookie: ‹a=b; c=d›' https://h", `{"m":"Set-Cookie: ‹a=b; Path=/›","x":1}`,
	"map[Authorization:‹[Bearer abc]› Cookie:‹[a=b; c=d]› Host:[x]]", `{"Authorization":«["Bearer abc"]»}`, "{User:bob Password:‹abc}›",
	"mysql -u root --password ‹hunter2› -h x", "curl --oauth2-bearer x --token '‹a b›'", "password     = ‹abc›",
	"<Password>‹a b›</Password>", `<wsse:Password>‹abc›</wsse:Password>`, "<secret>‹never ends",
	"?next=%2Fx%3Ftoken%3D‹abc%26y%3D1›&x=1",
	`password= ‹token:› "‹a b›" x`, `Authorization: ‹token: "a b"›`,
	`Cookie: ‹token: "a b"; c=d›`, `password=‹token="a b"› x`, `{"m":"pwd=‹token=\"a b\"›","x":1}`,
	// of several words
	"X-Auth-Token: ‹Bearer abc› x", "auth_token=‹basic abc=› x", `api_key: ‹Bearer "a b"› x`, `{'token': '‹Bearer a›'}`, "curl -H 'X-Token: ‹Bearer abc›' h",
	"private_key: ‹-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----› x", "PRIVATE_KEY=‹-----BEGIN PRIVATE KEY-----\nMIIE",
	"Cookie: ‹a=-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----› x", "authorization: ‹-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----› x",
	`{"token":"‹-----BEGIN PRIVATE KEY-----\nMIIE›","n":1}`, "‹-----BEGIN PRIVATE KEY-----\n-----END x-----\nMIIE\n-----END PRIVATE KEY-----› x",
	"token=‹4111 1111 1111 1111› x", "password: ‹correct horse battery›", "  - db_password: ‹correct horse›\r\n    user: bob", "a: b\npassword = ‹correct, horse›\nx",
	"password: ‹abc› user=bob", "password = ‹abc›, user=bob", "INFO password: ‹abc› was wrong", "PASSWORD=‹abc› psql x", "token: ‹abc› was refused", "password: ‹password›", "Token: ‹Tokens› {a}",
	// data source names
	"‹app:pa55›@tcp(db:3306)/shop", "open dsn=‹app:p=a@s/s›@tcp(db)/shop failed", `{"dsn":"‹app:pa55›@unix(/run/my.sock)/shop?a=b"}`, "‹a:b›@tcp([‹::1›]:3306", "DSN: ‹a:b›@cloudsql(p:r:i)/shop",
	"mysql://‹app:pa55›@tcp(db:3306)/shop",
	// URLs
	"https://hooks.slack.com/services/‹T000/B000/XXXX› failed",
	"postgres://‹app:pa55›@db:5432/x", "redis://‹:pa55›@h", "https://‹tok›@github.com/x.git",
	"amqp://‹a:p@ss›@h/x", "mysql://‹a:p/a#s?s›@h/x", `{"u":"https:\/\/‹a:b›@h\/x"}`,
	// tokens
	"got ‹eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl›.", "jwt:‹eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl› ok",
	"‹AKIAIOSFODNN7EXAMPLE›", "key ‹ASIAIOSFODNN7EXAMPLE› used", "‹AIzaSyA1234567890abcdefghijklmnopqrstuv›",
	"‹ghp_0123456789abcdefghijABCDEFGHIJ012345›", "x ‹github_pat_0123456789abcdefghijABCDEFGHIJ012345› y",
	"‹glpat-0123456789abcdefghij›", "slack ‹xoxb-123456789012-abcdefghij›", "‹sk_live_0123456789abcdef›",
	"‹sk-proj-0123456789abcdefghij›", "‹npm_0123456789abcdefghijABCDEFGHIJ012345›", "‹ya29.a0AfH6SMBx-0123456789›",
	"‹SG.0123456789012345678901.0123456789012345678901234567890123456789012›",
	"‹-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----› x", "key: ‹-----BEGIN PRIVATE KEY-----\nMIIE",
	"vault ‹hvs.CAESIJ0123456789abcdefghijklmn›.", "‹GOCSPX-0123456789abcdefghij›",
	"‹MIIEowIBAAKCAQEAx7Zk3Wm9Xc5Vb1Nt8Rj2Hg4Fd6Sx0Pq7Zk3Wm9Xc/Vb1N+8R›", "\t ‹b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW›\r",
	"‹MC4CAQAwBQYDK2VwBCIEIx7Zk3Wm9Xc5Vb1Nt8Rj2Hg4Fd6Sx0Pq7Zk3Wm9Xc4==›",
	// cards
	"card ‹4111111111111111› ok", "‹4111 1111 1111 1111›", "‹4111-1111-1111-1111›,", "amex ‹378282246310005›", "‹3782 822463 10005›",
	"n=‹5555555555554444›", `"pan":"‹6011111111111117›"`, "order 12 ‹4111 1111 1111 1111› 200", "‹2223003122003222›", "‹30569309025904›",
	// addresses
	"mail to ‹bob.o+x@mail.example.com›.", "<‹bob@example.com›>", "x=‹user%3Dbob%40example.com›", "email=‹bob@example.com›&x=1", "‹ü@exämple.de›",
	"from ‹10.1.2.3›:8080", "[‹::1›]:80", "‹2001:db8::8a2e:370:7334›", "‹fe80::1›%eth0", "‹::ffff:1.2.3.4› x", "‹1.2.3.4›.",
	"‹2001:0db8:0000:0000:0000:8a2e:0370:7334›: up", "cidr ‹10.0.0.0›/8", "a ‹1.2.3.4›, ‹5.6.7.8›",
}

var harmless = []string{
	"", "=", ":", "@", "://", "password", "password=", "password= user=bob", `{"password":null,"token":true}`, `"password":""`,
	"2024-11-26T10:20:30.123456789Z INFO started in 12.5s", "tokens=17 max_tokens: 100", "compass=north", "bypass: yes", "monkey=1", "key=value",
	"bearer authentication failed", "basic functionality", "Basic authentication required", "https://h:8080/a@b", "https://h/@scope/pkg",
	"std::string", "Foo::bar::baz", "12:34:56", "aa:bb:cc:dd:ee:ff", "::",
	"4111111111111112", "1700000000000000000", "a4111111111111111", "4111111111111111b", "blk_3886504906413966", "41111111111111111111111",
	"2024 1126 1020 3000", "550e8400-e29b-41d4-a716-446655440000",
	"getty@tty1.service", "pkg@1.2.3", "user@localhost", "@media", "a@b.c",
	"v1.2.3.4", "1.2.3.4.5", "256.1.1.1", "1.2.3", "1.2.3.4x",
	"root@tcp(db:3306)/shop", "a:b@c(d)", "a:b@tcp", "a:b @tcp(db)/x", "com.shop.Order@1f2e3d(x)", "@tcp(", "hvs.short", "Password: ", "Token: Token { kind: ContainerToken, service: a }",
	strings.Repeat("0123456789abcdef", 4), strings.Repeat("0123456789ABCDEF", 4), strings.Repeat("-", 64), strings.Repeat("=", 64), strings.Repeat("aB1 ", 16),
	strings.Repeat("x", 70), "sum " + strings.Repeat("Aq7/", 15), strings.Repeat("aBc/", 16), strings.Repeat("aB1.", 16), "x" + strings.Repeat("aB1/", 16), strings.Repeat("aB=1", 16),
	"--password", "--password --verbose", "--- token", "<b>text</b>", "a->token x", "%", "%3D", "https://hooks.slack.com/", "Cookie: ",
	"task-0123456789abcdefghij", "ghp_short", "AKIAshort", "eyJ short", "heyJude", "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----",
}

func TestRedact(t *testing.T) {
	r := process.Must(process.Redact(process.RedactConfig{Patterns: allPatterns}))
	mark := regexp.MustCompile(`\[redacted:[a-z]+\]`)
	for _, marked := range secrets {
		line := strings.NewReplacer("‹", "", "›", "", "«", "", "»", "").Replace(marked)
		want := regexp.MustCompile(`(?s)‹.*?(›|$)`).ReplaceAllString(marked, "[redacted]")
		want = regexp.MustCompile(`(?s)«.*?»`).ReplaceAllString(want, `"[redacted]"`)
		got := string(through(t, r, line).Line)
		if mark.ReplaceAllString(got, "[redacted]") != want {
			t.Errorf("%s\n\tgot  %s\n\twant %s", line, got, want)
		}
		if again := string(through(t, r, got).Line); again != got {
			t.Errorf("%s\n\tgot  %s\n\tthen %s", line, got, again)
		}
	}
	if s := r.Stats(); s.Entries != int64(len(secrets)) || s.Values != int64(strings.Count(strings.Join(secrets, ""), "‹")+strings.Count(strings.Join(secrets, ""), "«")) {
		t.Errorf("counted %+v of %d", s, len(secrets))
	}
	for _, line := range harmless {
		if got := string(through(t, r, line).Line); got != line {
			t.Errorf("%q became %q", line, got)
		}
	}
}

// What was a number in JSON is a string afterwards, with quotes as they are there.
func TestRedactKeepsJSON(t *testing.T) {
	r := process.Must(process.Redact(process.RedactConfig{}))
	for line, want := range map[string]string{
		`{"pwd":12.5,"x":1}`:                `{"pwd":"[redacted:credential]","x":1}`,
		`{"m":"{\"pwd\":12}"}`:              `{"m":"{\"pwd\":\"[redacted:credential]\"}"}`,
		`{"secrets":{"a":[1,"}"]},"x":"y"}`: `{"secrets":"[redacted:credential]","x":"y"}`,
	} {
		if got := string(through(t, r, line).Line); got != want {
			t.Errorf("%s became %s, want %s", line, got, want)
		}
	}
}

func TestRedactPatterns(t *testing.T) {
	const line = "password=a key AKIAIOSFODNN7EXAMPLE card 4111111111111111 mail bob@example.com from 10.1.2.3"
	for _, test := range []struct {
		cfg  process.RedactConfig
		want string
	}{
		{process.RedactConfig{},
			"password=[redacted:credential] key [redacted:token] card [redacted:card] mail [redacted:email] from 10.1.2.3"},
		{process.RedactConfig{Patterns: process.Credentials}, "password=[redacted:credential] key AKIAIOSFODNN7EXAMPLE card 4111111111111111 mail bob@example.com from 10.1.2.3"},
		{process.RedactConfig{Patterns: process.Tokens}, "password=a key [redacted:token] card 4111111111111111 mail bob@example.com from 10.1.2.3"},
		{process.RedactConfig{Patterns: process.Cards}, "password=a key AKIAIOSFODNN7EXAMPLE card [redacted:card] mail bob@example.com from 10.1.2.3"},
		{process.RedactConfig{Patterns: process.Emails}, "password=a key AKIAIOSFODNN7EXAMPLE card 4111111111111111 mail [redacted:email] from 10.1.2.3"},
		{process.RedactConfig{Patterns: process.IPs}, "password=a key AKIAIOSFODNN7EXAMPLE card 4111111111111111 mail bob@example.com from [redacted:ip]"},
		{process.RedactConfig{NoPatterns: true, Regexps: []*regexp.Regexp{regexp.MustCompile(`from (?P<secret>\S+)`), regexp.MustCompile(`card \d+`)}},
			"password=a key AKIAIOSFODNN7EXAMPLE [redacted:match] mail bob@example.com from [redacted:match]"},
		{process.RedactConfig{Replacement: "XXX", Patterns: process.IPs, Regexps: []*regexp.Regexp{regexp.MustCompile(`.10.1|mail`)}}, // overlapping
			"password=a key AKIAIOSFODNN7EXAMPLE card 4111111111111111 XXX bob@example.com fromXXX"},
		{process.RedactConfig{Patterns: process.Emails, Regexps: []*regexp.Regexp{regexp.MustCompile(`card .* from`)}}, // one in the other
			"password=a key AKIAIOSFODNN7EXAMPLE [redacted:match] 10.1.2.3"},
		{process.RedactConfig{NoPatterns: true, Names: []string{"mail_host"}}, line},
	} {
		if got := string(through(t, process.Must(process.Redact(test.cfg)), line).Line); got != test.want {
			t.Errorf("%+v:\n\tgot  %s\n\twant %s", test.cfg, got, test.want)
		}
	}
}

func TestRedactNames(t *testing.T) {
	r := process.Must(process.Redact(process.RedactConfig{NoPatterns: true, Names: []string{"Session-ID", "pin"}}))
	for line, want := range map[string]string{
		"sessionid=17":         "sessionid=[redacted:credential]",
		"session_id: 17":       "session_id: [redacted:credential]",
		`{"userSessionId":17}`: `{"userSessionId":"[redacted:credential]"}`,
		"PIN=17 my.pin2=18":    "PIN=[redacted:credential] my.pin2=[redacted:credential]",
		"spin=17 pine=17":      "spin=17 pine=17",
		"password=17":          "password=17",
	} {
		if got := string(through(t, r, line).Line); got != want {
			t.Errorf("%s became %s, want %s", line, got, want)
		}
	}
}

// Equal secrets have equal hashes, which another key makes others; and what has one
// does not get another.
func TestRedactHash(t *testing.T) {
	hash := func(key, line string) string {
		r := process.Must(process.Redact(process.RedactConfig{HashKey: []byte(key)}))
		got := string(through(t, r, line).Line)
		if again := string(through(t, r, got).Line); again != got {
			t.Errorf("%s, then %s", got, again)
		}
		return got
	}
	const key = "0123456789abcdef"
	a, b := hash(key, "password=secret"), hash(key, `token: "secret" x`)
	if m := regexp.MustCompile(`^password=\[redacted:credential#([0-9a-f]{16})\]$`).FindStringSubmatch(a); m == nil || !strings.Contains(b, m[1]) {
		t.Errorf("%s and %s", a, b)
	}
	if c := hash(key, "password=other"); c == a {
		t.Errorf("two secrets are both %s", c)
	}
	if c := hash(key+"x", "password=secret"); c == a {
		t.Errorf("two keys make %s", c)
	}
	r := process.Must(process.Redact(process.RedactConfig{HashKey: []byte(key), Replacement: "***"}))
	if got := string(through(t, r, "password=secret x").Line); !regexp.MustCompile(`^password=\*\*\*#[0-9a-f]{16} x$`).MatchString(got) {
		t.Error(got)
	}
	if got := string(through(t, r, "password=***secret x").Line); strings.Contains(got, "secret") {
		t.Error("what only begins as a replacement is left:", got)
	}
}

func TestRedactAttrs(t *testing.T) {
	r := process.Must(process.Redact(process.RedactConfig{}))
	e := through(t, r, "x", batch.Attr{Key: "user", Value: "bob"}, batch.Attr{Key: "db.password", Value: "a b"},
		batch.Attr{Key: "query", Value: "x=1&token=abc&mail=bob@example.com"}, batch.Attr{Key: "secret"})
	want := []batch.Attr{{Key: "user", Value: "bob"}, {Key: "db.password", Value: "[redacted:credential]"},
		{Key: "query", Value: "x=1&token=[redacted:credential]&mail=[redacted:email]"}, {Key: "secret"}}
	if !slices.Equal(e.Attrs, want) {
		t.Errorf("%v, want %v", e.Attrs, want)
	}
	if s := r.Stats(); s != (process.RedactStats{Entries: 1, Values: 3}) {
		t.Errorf("counted %+v", s)
	}
}

func TestRedactConfig(t *testing.T) {
	_, err := process.Redact(process.RedactConfig{Patterns: 1 << 7, NoPatterns: true, Names: []string{"a", "ü-ber"},
		Regexps: []*regexp.Regexp{nil}, Replacement: "a\"b", HashKey: []byte("short")})
	for _, field := range []string{"Patterns", "NoPatterns", "Names[0]", "Names[1]", "Regexps[0]", "Replacement", "HashKey"} {
		if err == nil || !strings.Contains(err.Error(), "process: Redact: "+field+":") {
			t.Errorf("%v: does not name %s", err, field)
		}
	}
	if _, err := process.Redact(process.RedactConfig{NoPatterns: true}); err == nil {
		t.Error("a Redactor that looks for nothing")
	}
}

// Ordinary logs have few secrets in them: what is taken for one is told, to be
// looked at.
func TestRedactLeavesOrdinaryLogs(t *testing.T) {
	files, err := filepath.Glob("../../../shared/logs/*.log")
	if err != nil || len(files) == 0 {
		t.Skip("no logs of others")
	}
	r := process.Must(process.Redact(process.RedactConfig{Patterns: process.Credentials | process.Tokens | process.Cards}))
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		lines, changed := 0, 0
		for s := bufio.NewScanner(f); s.Scan(); lines++ {
			if got := string(through(t, r, s.Text()).Line); got != s.Text() {
				if changed++; changed < 4 {
					t.Logf("%s\n\t%s", s.Text(), got)
				}
			}
		}
		f.Close()
		if changed*500 > lines {
			t.Errorf("%s: %d of %d lines changed", name, changed, lines)
		}
	}
}

// Wherever a secret stands, no part of it is left, and a second look finds nothing.
func FuzzRedact(f *testing.F) {
	for _, marked := range secrets {
		f.Add(strings.NewReplacer("‹", "", "›", "", "«", "", "»", "").Replace(marked), "", byte(0))
	}
	for i, line := range harmless {
		f.Add(line, line, byte(i))
	}
	const alnum = "q7Zk3Wm9Xc5Vb1Nt8Rj2Hg4Fd6Sx0Pq7Zk3Wm9Xc"
	plants := []string{"\x00password=%s ", " token: \"%s\" ", "{\"api_key\":\"%s\"}", " ghp_%s ", " https://u:%s@h/ ", " eyJ%s ", "\nAuthorization: Bearer %s\n", " sk-%s ",
		" app:%s@tcp(db:3306)/x ", " X-Token: Bearer %s ", "\npassword: two %s\n", " token=-----BEGIN PRIVATE KEY-----\n%s\n-----END PRIVATE KEY----- "}
	r := process.Must(process.Redact(process.RedactConfig{Patterns: allPatterns}))
	f.Fuzz(func(t *testing.T, before, after string, which byte) {
		if strings.ContainsAny(before, "\"'`\\[{") { // may quote what follows: then it ends elsewhere
			before = ""
		}
		got := string(through(t, r, before+fmt.Sprintf(plants[int(which)%len(plants)], alnum)+after).Line)
		for i := range len(alnum) - 8 {
			if part := alnum[i : i+8]; strings.Contains(got, part) && !strings.Contains(before+after, part) {
				t.Fatalf("%q leaves %q", before+plants[int(which)%len(plants)]+after, got)
			}
		}
		if utf8.ValidString(before) && utf8.ValidString(after) && !utf8.ValidString(got) {
			t.Fatalf("%q is not valid", got)
		}
		line := before + after
		if got = string(through(t, r, line).Line); len(got) > len(line)*(len("[redacted:credential]")+3) {
			t.Fatalf("%d bytes became %d", len(line), len(got))
		}
	})
}
