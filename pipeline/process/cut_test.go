package process_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/pipeline"
	"github.com/logferry/logferry/pipeline/process"
)

// halves are what stands before a secret, and the secret.
var halves = [][2]string{
	{"ghp_", "abcdefghijklmnopqrstuvwxyz0123456789"},
	{"", "4111 1111 1111 1111"},
	{"card 17 ", "378282246310005"},
	{"", "john.doe@example.com"},
	{"postgres://app:", "s3cret,Pass@db/shop"},
	{"AKIA", "IOSFODNN7EXAMPLE"},
	{"Bearer ", "abcdefghijklmnop0123"},
	{"Basic ", "dXNlcjpwYXNzd29yZA=="},
	{"eyJ", "hbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"},
	{"--password ", "hunter2"},
}

// Wherever a value is cut, Redact, which comes next, leaves no part of a secret
// that was there.
func TestCutWithinSecret(t *testing.T) {
	const most = 1024
	redact := process.Must(process.Redact(process.RedactConfig{}))
	for name, x := range map[string]struct {
		cut     pipeline.Processor
		longest int
		line    string // with %s
		at      string // the attribute; "": the line
	}{
		"JSON":             {process.Must(process.JSON(process.JSONConfig{})), most, `{"m":"%s"}`, "m"},
		"JSON within JSON": {process.Must(process.JSON(process.JSONConfig{})), most, `{"m":["%s"]}`, "m"},
		"logfmt":           {process.Must(process.Logfmt(process.LogfmtConfig{})), most, `m="%s"`, "m"},
		"pattern":          {process.Must(process.Regexp(process.RegexpConfig{Pattern: `m=(?P<m>.*)`})), most, `m=%s`, "m"},
		"input":            {process.Must(process.Regexp(process.RegexpConfig{Pattern: `m=(?P<m>.*)`, MaxInput: 400})), 398, `m=%s`, "m"},
		"template":         {process.Must(process.Template(process.TemplateConfig{Attrs: map[string]string{"m": "{line}"}})), most, `%s`, "m"},
		"docker":           {process.Must(process.Unwrap(process.UnwrapConfig{})), most, `{"log":"x\n","stream":"stdout","attrs":{"m":"%s"},"time":"2026-01-02T03:04:05Z"}`, "m"},
	} {
		for _, s := range halves {
			for n := 1; n < len(s[1]); n++ {
				before := strings.Repeat("ab c,", most)[:x.longest-n-len(s[0])-1] + " " + s[0]
				b := batch.New(nil, batch.MustLabels("app", "shop"))
				b.Append(time.Now(), fmt.Appendf(nil, x.line, before+s[1]+strings.Repeat(" more", 100)))
				for _, p := range []pipeline.Processor{x.cut, redact} {
					if err := p.Process(t.Context(), b); err != nil {
						t.Fatal(err)
					}
				}
				got := ""
				for _, a := range b.Entries[0].Attrs {
					if a.Key == x.at {
						got = a.Value
					}
				}
				if len(got) < x.longest-300 || strings.Contains(got, " "+s[0]+s[1][:1]) {
					t.Errorf("%s: %d bytes of %q, cut behind %d of it: …%q", name, len(got), s, n, got[max(0, len(got)-60):])
					break
				}
			}
		}
	}
}

// What has no words is cut where it is too long, and short values are not cut to
// nothing.
func TestCutWithoutWords(t *testing.T) {
	p := process.Must(process.JSON(process.JSONConfig{MaxValue: 20}))
	for value, want := range map[string]string{
		strings.Repeat("x", 30):         strings.Repeat("x", 20),
		"ab " + strings.Repeat("x", 30): "ab " + strings.Repeat("x", 17),
		"the quick brown fox jumps":     "the quick brown fox ",
		"a,b,c,d,e,f,g,h,i,j,klmn":      "a,b,c,d,e,f,g,h,i,j,",
		strings.Repeat("é", 30):         strings.Repeat("é", 10),
	} {
		b := batch.New(nil, batch.Labels{})
		b.Append(time.Now(), fmt.Appendf(nil, `{"m":"%s"}`, value))
		if err := p.Process(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		if got := b.Entries[0].Attrs[0].Value; got != want {
			t.Errorf("%q of %q, want %q", got, value, want)
		}
	}
}
