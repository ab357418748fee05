package sink

import (
	"bytes"
	"testing"
	"time"

	"github.com/logferry/logferry/batch"
)

func TestTerminalEscapesWhatATerminalActsUpon(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"plain text\twith a tab", "plain text\twith a tab"},
		{"grüße 日本", "grüße 日本"},
		{"\x1b[31mred\x1b[0m", `\x1b[31mred\x1b[0m`},
		{"two\nlines\r", `two\nlines\r`},
		{"bad \xff\xc3 bytes", `bad \xff\xc3 bytes`},
		{"\u202eright to left", `\u202eright to left`},
		{"\x00\x7f\u0085", `\x00\x7f\u0085`},
		{"quote ' and \"", "quote ' and \""},
	} {
		var out bytes.Buffer
		b := batch.New(nil, batch.MustLabels("app", "shop", "env", "prod"))
		at := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.Local)
		b.Append(at, []byte(c.line), batch.Attr{Key: "k", Value: "v\n"})
		if err := Terminal(&out).Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		b.Settle(nil)
		if want := "03:04:05.678 shop prod | " + c.want + " k=v\\n\n"; out.String() != want {
			t.Errorf("%q: got %q, want %q", c.line, out.String(), want)
		}
	}
}
