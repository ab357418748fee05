package record

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// traces are texts that are one record each.
var traces = map[string][]string{
	"java": {
		"java.lang.IllegalStateException: cannot\n\tat shop.Till.open(Till.java:42)\n\tat shop.Main.main(Main.java:3)\n" +
			"\tSuppressed: java.io.IOException: closed\n\t\tat shop.Till.close(Till.java:17)\n\t\t... 3 more\n" +
			"Caused by: java.io.IOException: no such drawer\n\tat shop.Drawer.pull(Drawer.java:7)\n\t... 7 more",
		"Exception in thread \"main\" java.lang.StackOverflowError\n\tat A.f(A.java:1)\n\t... 1022 common frames omitted",
		"2024-01-02 ERROR shop - failed: java.io.IOException: x\n        at shop.Till.open(Till.java:42) ~[shop.jar:1.0]\nWrapped by: java.lang.Error: y\n\tat B.g(B.java:2)",
		"TypeError: undefined is not a function\n    at open (/src/till.js:42:7)\n    at async main (/src/main.js:3:1)",
		"System.InvalidOperationException: x\n ---> System.IO.IOException: y\n   at Shop.Till.Open() in /src/Till.cs:line 42\n   --- End of inner exception stack trace ---\n   at Shop.Main()",
		"\tat shop.Till.open(Till.java:42)\n\tat shop.Main.main(Main.java:3)",
	},
	"python": {
		"Traceback (most recent call last):\n  File \"shop.py\", line 42, in open\n    drawer.pull()\n    ^^^^^^^^^^^^^\nOSError: no such drawer",
		"Traceback (most recent call last):\n  File \"shop.py\", line 42, in open\n    drawer.pull()\nshop.errors.DrawerError: x\n\n" +
			"During handling of the above exception, another exception occurred:\n\nTraceback (most recent call last):\n" +
			"  File \"shop.py\", line 7, in main\n    open()\n  [Previous line repeated 995 more times]\nRuntimeError: cannot\n\n" +
			"The above exception was the direct cause of the following exception:\n\nTraceback (most recent call last):\n  File \"shop.py\", line 1, in <module>\nKeyboardInterrupt",
		"  + Exception Group Traceback (most recent call last):\n  |   File \"shop.py\", line 42, in open\n  | ExceptionGroup: two (2 sub-exceptions)\n" +
			"  +-+---------------- 1 ----------------\n    | ValueError: 1\n    +---------------- 2 ----------------\n    | ValueError: 2\n    +------------------------------------",
		"ERROR Traceback (most recent call last):\n  File \"x.py\", line 1\n    x =\n       ^\nSyntaxError: invalid syntax",
		"Traceback (most recent call last):\n  File \"x.py\", line 1, in f\npydantic.ValidationError: 1 error\n  field required",
	},
	"go": {
		"panic: no such drawer\n\ngoroutine 1 [running]:\nmain.open(...)\n\t/src/shop/main.go:42\nmain.main()\n\t/src/shop/main.go:17 +0x1d\nexit status 2",
		"panic: a [recovered]\n\tpanic: b\n[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x1]\n\ngoroutine 7 [running]:\n" +
			"main.(*till).open(0xc000012345, {0x1, 0x2})\n\t/src/main.go:42 +0x1d\npanic({0x45e0a0?, 0x480118?})\n\t/go/panic.go:770 +0x132\ncreated by main.main in goroutine 1\n\t/src/main.go:3 +0x1",
		"fatal error: all goroutines are asleep - deadlock!\n\ngoroutine 1 [chan receive, 5 minutes]:\nmain.main()\n\t/src/main.go:17 +0x1d\n\n" +
			"goroutine 18 [select, locked to thread]:\nmain.f(0x1)\n\t/src/main.go:1 +0x1\n...additional frames elided...\ncreated by main.main\n\t/src/main.go:2 +0x2\nexit status 2",
		"SIGQUIT: quit\nPC=0x45e0a0 m=0 sigcode=0\n\ngoroutine 0 gp=0x1 m=0 mp=0x1 [idle]:\nruntime.futex()\n\t/go/sys.s:1 +0x1\n\nrax    0xca\nrip    0x45e0a0",
		"2024/01/02 15:04:05 http: panic serving 127.0.0.1:5: x\ngoroutine 5 [running]:\nnet/http.(*conn).serve.func1()\n\t/go/server.go:1 +0x1",
	},
	"ruby": {
		"till.rb:42:in 'Till#open': no such drawer (RuntimeError)\n\tfrom till.rb:17:in 'block in <main>'\n\t ... 3 levels...\n\tfrom till.rb:3:in '<main>'",
		"till.rb:42:in `open': x (Shop::Error)\n\tfrom till.rb:3:in `<main>'\ntill.rb:7:in `pull': y (IOError)\n\tfrom till.rb:42:in `open'",
		"RuntimeError (no such drawer):\n\napp/models/till.rb:42:in `open'\napp/controllers/tills.rb:3:in `index'",
		"Traceback (most recent call last):\n\t2: from till.rb:3:in `<main>'\n\t1: from till.rb:17:in `open'\ntill.rb:42:in `pull': no such drawer (RuntimeError)",
	},
}

var rules = map[string]Rule{"java": Java(), "python": Python(), "go": Go(), "ruby": Ruby()}

// ordinary are lines that no rule for traces may touch.
var ordinary = []string{
	"2024-01-02 15:04:05 INFO opened", "", "  indented", "starting up", "{\"level\":\"error\"}", "GET /index.html 200", "done(ok)",
	"I0102 15:04:05.000000 1 main.go:42] started", "ERROR: no such drawer", "10.0.0.1 - - [02/Jan/2006:15:04:05 +0000] \"GET / HTTP/1.1\" 200 1",
}

// Each trace is one record, whatever ordinary lines are around it, and these are
// one each.
func TestTraces(t *testing.T) {
	for name, texts := range traces {
		for _, text := range texts {
			for ruleName, r := range map[string]Rule{name: rules[name], "all": Traces()} {
				if ruleName == "all" && name == "ruby" && strings.HasPrefix(text, "Traceback") {
					continue // begins like one of Python's
				}
				for _, line := range ordinary {
					if line == "" && name != "java" && ruleName != "java" || strings.HasPrefix(line, "  ") || line == "done(ok)" {
						line = "x 1" // could belong to the trace before
					}
					want := []string{line, text, line, line, text}
					if got := joined(r, strings.Join(want, "\n")+"\n"); !slices.Equal(got, want) {
						t.Fatalf("rule %s: got %q\nwant %q", ruleName, got, want)
					}
				}
				if got := joined(r, text+"\n"+text+"\n"); name != "ruby" && name != "java" && (len(got) != 2 || got[0] != got[1]) {
					t.Errorf("rule %s: two traces became %q", ruleName, got)
				}
			}
		}
	}
}

// Ordinary lines are not held back: each is a record as soon as it is there.
func TestTracesLetPass(t *testing.T) {
	for name, r := range map[string]Rule{"java": Java(), "python": Python(), "go": Go(), "ruby": Ruby(), "all": Traces()} {
		j := NewJoiner(r, Limits{}, func(*Record) {})
		for i, line := range ordinary {
			j.Add(&Line{Text: []byte(line)}, int64(i), int64(i+1))
			if j.Open() {
				t.Errorf("rule %s holds %q back", name, line)
			}
		}
	}
}

// Dates are told in front of a line, and what is not one is not.
func TestDates(t *testing.T) {
	for _, line := range []string{
		"2006-01-02 15:04:05 x", "2006-01-02", "2006-01-02T15:04:05Z", "2006/01/02 15:04:05", "2006.01.02", "[2006-01-02 15:04:05,123] x", "\"2006-01-02\"",
		"02/Jan/2006:15:04:05 +0000", "[02/Jan/2006:15:04:05 +0000]", "02.01.2006 15:04", "01/02/2006", "02 Jan 2006 15:04:05", "Jan  2 15:04:05 host x",
		"Jan 12 15:04:05 host x", "[Mon Jan 02 15:04:05 2006] x", "Mon, 02 Jan 2006 15:04:05 GMT", "15:04:05.000 x", "15:04:05", "20060102 150405 x",
		"060102 150405 148 INFO", "20060102T150405Z", "I0102 15:04:05.000000 1 x.go:1] x", "<34>1 2006-01-02T15:04:05Z h", "<134>Jan  2 15:04:05 h", "09.05.24 x",
	} {
		if !dated([]byte(line)) {
			t.Errorf("%q: no date found", line)
		}
	}
	for _, line := range []string{
		"", "x", "[", "<34>", "<34", "<1234>Jan  2 15:04:05", " 2006-01-02", "\tat x", "2006", "20060102", "2006-1-2", "2006-01-023", "10.0.0.1 - -", "1.2.3", "Jan x",
		"15:04", "15:04:053", "Caused by: x", "12345678 x", "127.0.0.1",
	} {
		if dated([]byte(line)) {
			t.Errorf("%q: taken for a date", line)
		}
	}
}

func TestPatterns(t *testing.T) {
	text := "tail\nA 1\n  b\nc\nA 2\n\nA 3\n"
	for name, test := range map[string]struct {
		rule Rule
		want []string
	}{
		"none":         {Rule{}, strings.Split(strings.TrimSuffix(text, "\n"), "\n")},
		"start":        {Start(regexp.MustCompile(`^A`)), []string{"tail", "A 1\n  b\nc", "A 2\n", "A 3"}},
		"continuation": {Continuation(regexp.MustCompile(`^(\s|$)`)), []string{"tail", "A 1\n  b", "c", "A 2\n", "A 3"}},
		"no rules":     {AnyOf(Rule{}), strings.Split(strings.TrimSuffix(text, "\n"), "\n")},
		"any":          {AnyOf(Java(), Continuation(regexp.MustCompile(`^ `))), []string{"tail", "A 1\n  b", "c", "A 2", "", "A 3"}},
	} {
		if got := joined(test.rule, text); !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// In real logs every line begins with a date, and stays alone; with a trace
// behind each hundredth, the trace belongs to the line before.
func TestRealLogs(t *testing.T) {
	paths, _ := filepath.Glob("../../../shared/logs/*.log")
	if len(paths) == 0 {
		t.Skip("no real logs here")
	}
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(string(raw), "\r\n", "\n")
		r := Dates()
		if filepath.Base(path) == "OpenStack.log" { // begins with the name of a file
			r = Start(regexp.MustCompile(`^nova-\S+ \d{4}-`))
		}
		var want []string
		for i, line := range slices.Collect(strings.Lines(text)) {
			line = strings.TrimSuffix(line, "\n")
			if i%100 == 99 {
				line += "\n" + traces["java"][0] + "\n\n" + traces["go"][0]
			}
			want = append(want, line)
		}
		if got := joined(r, strings.Join(want, "\n")+"\n"); !slices.Equal(got, want) {
			t.Errorf("%s: %d records of %d", filepath.Base(path), len(got), len(want))
		}
	}
}

// Whatever the lines are, all rules keep each of them, once and in order.
func FuzzRules(f *testing.F) {
	for _, texts := range traces {
		for _, text := range texts {
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		if text == "" || strings.HasSuffix(text, "\n") {
			return
		}
		for name, r := range map[string]Rule{"java": Java(), "python": Python(), "go": Go(), "ruby": Ruby(), "all": Traces(), "dates": Dates()} {
			j := NewJoiner(r, Limits{MaxBytes: len(text), MaxLines: 5}, nil)
			var got []string
			j.emit = func(r *Record) { got = append(got, string(r.Text)) }
			at := int64(0)
			for line := range strings.Lines(text) {
				end := at + int64(len(line))
				j.Add(&Line{Text: []byte(strings.TrimSuffix(line, "\n"))}, at, end)
				at = end
			}
			j.Close()
			if s := strings.Join(got, "\n"); s != text {
				t.Errorf("rule %s: %q became %q", name, text, got)
			}
		}
	})
}
