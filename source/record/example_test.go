package record_test

import (
	"fmt"
	"regexp"

	"github.com/logferry/logferry/source/record"
)

func ExampleDecoder() {
	d := record.NewDecoder(record.CRI)
	var l record.Line
	for _, line := range []string{
		"2016-10-06T00:17:09.669794202Z stderr F no such drawer",
		"no container wrote this",
	} {
		if err := d.Decode([]byte(line), &l); err != nil {
			fmt.Println(err)
		}
		fmt.Printf("%v %q\n", l.Stream, l.Text)
	}
	// Output:
	// stderr "no such drawer"
	// record: line is not in the format cri: no time
	//  "no container wrote this"
}

func ExampleJoiner() {
	j := record.NewJoiner(record.Traces(), record.Limits{MaxLines: 1000, MaxBytes: 1 << 20}, func(r *record.Record) {
		fmt.Printf("%q\n", r.Text)
	})
	at := int64(0)
	for _, line := range []string{
		"opened",
		"panic: no such drawer",
		"",
		"goroutine 1 [running]:",
		"main.main()",
		"\t/src/shop/main.go:17 +0x1d",
	} {
		end := at + int64(len(line)) + 1
		j.Add(&record.Line{Text: []byte(line)}, at, end)
		at = end
	}
	fmt.Println("read", at, "bytes, resume at", j.Resume(at).Offset)
	j.Close()
	// Output:
	// "opened"
	// read 93 bytes, resume at 7
	// "panic: no such drawer\n\ngoroutine 1 [running]:\nmain.main()\n\t/src/shop/main.go:17 +0x1d"
}

func ExampleStart() {
	r := record.Start(regexp.MustCompile(`^\d{4}-`))
	j := record.NewJoiner(r, record.Limits{}, func(r *record.Record) { fmt.Printf("%d lines: %q\n", r.Lines, r.Text) })
	for i, line := range []string{"2006-01-02 one", "  more of it", "2006-01-03 two"} {
		j.Add(&record.Line{Text: []byte(line)}, int64(i), int64(i+1))
	}
	j.Close()
	// Output:
	// 2 lines: "2006-01-02 one\n  more of it"
	// 1 lines: "2006-01-03 two"
}
