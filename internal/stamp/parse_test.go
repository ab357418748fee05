package stamp

import (
	"testing"
	"time"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestParse(t *testing.T) {
	berlin := time.FixedZone("CET", 3600)
	for _, test := range []struct{ text, want, rest string }{
		{"2006-01-02T15:04:05Z", "2006-01-02T15:04:05Z", ""},
		{"2006-01-02T15:04:05.123456789+01:00 x", "2006-01-02T14:04:05.123456789Z", " x"},
		{"2006-01-02 15:04:05,123 INFO x", "2006-01-02T14:04:05.123Z", " INFO x"},
		{"2006-01-02 15:04:05.123 -0330]", "2006-01-02T18:34:05.123Z", "]"},
		{"2006-01-02 15:04:05+02 x", "2006-01-02T13:04:05Z", " x"},
		{"2006-01-02 15:04:05 +02 x", "2006-01-02T14:04:05Z", " +02 x"},
		{"2006-01-02 15:04:05 - WARN", "2006-01-02T14:04:05Z", " - WARN"},
		{"2006-01-02 15:04:05 UTC [1]", "2006-01-02T15:04:05Z", " [1]"},
		{"2006-01-02 15:04:05 CET [1]", "2006-01-02T14:04:05Z", " [1]"},
		{"2006-01-02 15:04:05 Zone", "2006-01-02T14:04:05Z", " Zone"},
		{"2006/01/02 15:04:05 x", "2006-01-02T14:04:05Z", " x"},
		{"2006.01.02-15:04:05", "2006-01-02T14:04:05Z", ""},
		{"02/Jan/2006:15:04:05 -0700] x", "2006-01-02T22:04:05Z", "] x"},
		{"2-Feb-2006 15:04:05", "2006-02-02T14:04:05Z", ""},
		{"02 Jan 2006 15:04:05.5 x", "2006-01-02T14:04:05.5Z", " x"},
		{"02.01.2006 15:04:05", "2006-01-02T14:04:05Z", ""},
		{"Sun Dec 04 04:47:44 2005] x", "2005-12-04T03:47:44Z", "] x"},
		{"Mon Jan  2 15:04:05.999 2006", "2006-01-02T14:04:05.999Z", ""},
		{"Mon Jan 2 15:04:05 UTC 2006", "2006-01-02T15:04:05Z", ""},
		{"Mon Jan 2 15:04:05 CET 2006", "2006-01-02T14:04:05Z", ""},
		{"Mon Jan 02 15:04:05 -0700 2006", "2006-01-02T22:04:05Z", ""},
		{"Mon, 02 Jan 2006 15:04:05 GMT", "2006-01-02T15:04:05Z", ""},
		{"Jan  2 15:04:05 host x", "2026-01-02T14:04:05Z", " host x"},
		{"Jan 2 2006 15:04:05: x", "2006-01-02T14:04:05Z", ": x"},
		{"JAN 02 15:04:05.1 host", "2026-01-02T14:04:05.1Z", " host"},
		{"E0102 15:04:05.123456   1 x", "2026-01-02T14:04:05.123456Z", "   1 x"},
		{"20060102T150405Z x", "2006-01-02T15:04:05Z", " x"},
		{"20060102 15:04:05.5", "2006-01-02T14:04:05.5Z", ""},
		{"081109 203615 148 INFO", "2008-11-09T19:36:15Z", " 148 INFO"},
		{"700102 03:04:05", "1970-01-02T02:04:05Z", ""},
		{"650102 03:04:05", "2065-01-02T02:04:05Z", ""},
		{"1136214245 x", "2006-01-02T15:04:05Z", " x"},
		{"1136214245.25", "2006-01-02T15:04:05.25Z", ""},
		{"1136214245999", "2006-01-02T15:04:05.999Z", ""},
		{"1136214245999000", "2006-01-02T15:04:05.999Z", ""},
		{"1136214245999000001,x", "2006-01-02T15:04:05.999000001Z", ",x"},
		{"2024-02-29 00:30:00", "2024-02-28T23:30:00Z", ""},
	} {
		at, n := Parse([]byte(test.text), berlin, now)
		if got := at.Format(time.RFC3339Nano); got != test.want || test.text[n:] != test.rest {
			t.Errorf("%q: %s and %q, want %s and %q", test.text, got, test.text[n:], test.want, test.rest)
		}
	}
	for _, bad := range []string{
		"", "2", "x", "2006-01-02", "2006-01-02 15:04", "2006-13-02 15:04:05", "2006-00-02 15:04:05", "2006-02-30 15:04:05", "2023-02-29 00:00:00",
		"2006-01-02 24:00:00", "2006-01-02 15:60:00", "2006-01-02 15:04:60", "2006-01-02 15:04:05PM", "2006-01-02 15:04:057", "2006-01/02 15:04:05",
		"2006-01-02 15:04:05+0160", "2006-01-02 15:04:05+24:00", "2006-01-02 15:04:05 PST", "2006-01-02 15:04:05CEST",
		"Mon Jan 2 15:04:05 PST 2006", "Mon Jan 2 15:04:05", "Xyz  2 15:04:05", "Jan 32 15:04:05", "Jan 0 15:04:05", "Jan  2 15:04", "Feb 30 15:04:05",
		"X0102 15:04:05.123456", "E0102 15:04", "99999999 999999", "123456 x", "1136214245x", "9999999999", "123456789", "12345678901",
		"9999999999999999999", "18446744073709551615", "10:11:12.13 some text", "the quick brown fox", "02/01/2006 15:04:05", "32/Jan/2006:15:04:05",
	} {
		if at, n := Parse([]byte(bad), berlin, now); n != 0 || !at.IsZero() {
			t.Errorf("%q is read as %v", bad, at)
		}
	}
}

// The year is guessed so that the time is in the past, or a day ahead at most.
func TestYear(t *testing.T) {
	zone := time.FixedZone("", -5*3600)
	for _, test := range []struct{ now, text, want string }{
		{"2026-01-01T00:00:05Z", "Dec 31 23:59:59", "2025-12-31T23:59:59Z"},
		{"2025-12-31T23:59:50Z", "Jan  1 00:00:03", "2026-01-01T00:00:03Z"},
		{"2026-01-01T00:00:05Z", "Jan  1 00:00:03", "2026-01-01T00:00:03Z"},
		{"2026-06-14T00:00:00Z", "Jun 15 00:00:00", "2026-06-15T00:00:00Z"},
		{"2026-06-14T00:00:00Z", "Jun 15 00:00:01", "2025-06-15T00:00:01Z"},
		{"2026-06-14T00:00:00Z", "Feb 29 12:00:00", "2024-02-29T12:00:00Z"},
		{"2103-06-14T00:00:00Z", "Feb 29 12:00:00", "2096-02-29T12:00:00Z"},
	} {
		at, err := time.Parse(time.RFC3339, test.now)
		if err != nil {
			t.Fatal(err)
		}
		if got, n := Parse([]byte(test.text), time.UTC, at); n == 0 || got.Format(time.RFC3339) != test.want {
			t.Errorf("%s at %s: %v, want %s", test.text, test.now, got, test.want)
		}
	}
	// In a zone that is behind UTC it is still last year.
	at := time.Date(2026, 1, 1, 2, 0, 0, 0, time.UTC)
	if got, _ := Parse([]byte("Dec 31 20:59:59"), zone, at); got.Format(time.RFC3339) != "2026-01-01T01:59:59Z" {
		t.Errorf("%v", got)
	}
}

func TestParseLayout(t *testing.T) {
	berlin := time.FixedZone("CET", 3600)
	for _, test := range []struct{ layout, text, want string }{
		{time.DateTime, "2006-01-02 15:04:05", "2006-01-02T14:04:05Z"},
		{time.RFC1123Z, "Mon, 02 Jan 2006 15:04:05 -0700", "2006-01-02T22:04:05Z"},
		{time.RFC1123, "Mon, 02 Jan 2006 15:04:05 GMT", "2006-01-02T15:04:05Z"},
		{time.RFC1123, "Mon, 02 Jan 2006 15:04:05 CET", "2006-01-02T14:04:05Z"},
		{time.RFC1123, "Mon, 02 Jan 2006 15:04:05 XYZ", ""},
		{time.StampMilli, "Jan  2 15:04:05.250", "2026-01-02T14:04:05.25Z"},
		{"Jan _2 15:04:05 -0700", "Dec 31 15:04:05 +0000", "2025-12-31T15:04:05Z"},
		{time.DateTime, "2006-01-02 15:04:05 x", ""},
	} {
		at, ok := ParseLayout(test.layout, test.text, berlin, now)
		if ok != (test.want != "") || ok && (at.Format(time.RFC3339Nano) != test.want || at.Location() != time.UTC) {
			t.Errorf("%q: %v %v, want %s", test.text, at, ok, test.want)
		}
	}
}

// What is read is a time that was there: it has not grown by being read again, and
// RFC 3339 is read as RFC3339 does.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"2006-01-02 15:04:05,123 +0100", "02/Jan/2006:15:04:05 -0700", "Mon Jan  2 15:04:05 UTC 2006", "Jan  2 15:04:05",
		"E0102 15:04:05.1", "081109 203615", "1136214245.5", "Mon, 02 Jan 2006 15:04:05 GMT", "02.01.2006 15:04:05", "E0101 000000 0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		at, n := Parse([]byte(s), time.UTC, now)
		if n < 0 || n > len(s) || (n == 0) != at.IsZero() && at.Year() != 1 {
			t.Fatalf("%q: %v, %d bytes", s, at, n)
		}
		if n == 0 {
			if want, ok := RFC3339([]byte(s)); ok {
				t.Errorf("%q is %v", s, want)
			}
			return
		}
		if again, m := Parse([]byte(s[:n]), time.UTC, now); m != n || !again.Equal(at) {
			t.Errorf("%q: %v, and %v without what is behind it", s, at, again)
		}
		text := at.Format(time.RFC3339Nano)
		if again, m := Parse([]byte(text), time.UTC, now); at.Year() < 10_000 && at.Year() >= 0 && (m != len(text) || !again.Equal(at)) {
			t.Errorf("%s of %q: %v", text, s, again)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	for _, s := range []string{"2006-01-02T15:04:05.123456789Z", "2006-01-02 15:04:05,123", "Jan  2 15:04:05", "Sun Dec 04 04:47:44 2005",
		"02/Jan/2006:15:04:05 -0700", "1136214245999", "no time at all"} {
		b.Run(s, func(b *testing.B) {
			b.ReportAllocs()
			text := []byte(s)
			for b.Loop() {
				Parse(text, time.UTC, now)
			}
		})
	}
}
