package stamp

import "time"

// ahead is how far in the future a time without a year may be: clocks differ, and
// so do time zones.
const ahead = 24 * time.Hour

// Parse reads the time that text begins with, and returns how many bytes long it
// is, 0 if there is none that it knows:
//
//	2006-01-02T15:04:05.999Z      2006-01-02 15:04:05,999 +0100    2006/01/02 15:04:05
//	02/Jan/2006:15:04:05 -0700    02-Jan-2006 15:04:05             02 Jan 2006 15:04:05
//	Mon Jan  2 15:04:05 2006      Mon, 02 Jan 2006 15:04:05 GMT    Mon Jan  2 15:04:05 UTC 2006
//	Jan  2 15:04:05               Jan  2 2006 15:04:05             I0102 15:04:05.999999
//	20060102T150405Z              20060102 15:04:05                060102 150405
//	02.01.2006 15:04:05           1136214245                       1136214245999
//
// with fractions of a second and zones where they are not written here, too. Text
// without a zone is taken to be in zone. UTC, GMT and Z are known by name; a time
// with the name of another zone is only known if zone calls itself so at that time.
// A time without a year is the last one that is not more than a day after now. The
// result is in UTC.
func Parse(text []byte, zone *time.Location, now time.Time) (t time.Time, n int) {
	if len(text) == 0 {
		return time.Time{}, 0
	}
	r := reading{rest: text, year: unknown}
	ok := false
	if digit(text[0]) {
		ok = r.digits()
	} else {
		ok = r.letters()
	}
	if !ok || len(r.rest) > 0 && word(r.rest[0]) {
		return time.Time{}, 0
	}
	if t, ok = r.time(zone, now); !ok {
		return time.Time{}, 0
	}
	return t, len(text) - len(r.rest)
}

// unknown is the year of a time without one.
const unknown = -1

// A reading is what was read of a time, and the text behind it.
type reading struct {
	rest  []byte
	epoch time.Time // if it is one

	year, month, day            int // a year of 0 is not known
	hour, minute, second, nanos int
	zoned                       bool
	offset                      time.Duration
	zone                        []byte // a zone by name
}

// digits reads a time that begins with a digit.
func (r *reading) digits() bool {
	n := run(r.rest)
	switch b := r.rest; {
	case n == 10 || n == 13 || n == 16 || n == 19:
		var used int
		if r.epoch, used = Epoch(b); used == 0 {
			return false
		}
		r.rest = b[used:]
		return true
	case n == len(b):
		return false
	case n == 4 && len(b) > 10 && (b[4] == '-' || b[4] == '/' || b[4] == '.') && b[7] == b[4]:
		return r.take(4, &r.year, 9999) && r.skip(1) && r.take(2, &r.month, 12) && r.skip(1) && r.take(2, &r.day, 31) &&
			r.separator() && r.clock() && r.behind()
	case n == 8:
		return r.take(4, &r.year, 9999) && r.take(2, &r.month, 12) && r.take(2, &r.day, 31) && r.separator() && r.clock() && r.behind()
	case n == 6 && b[6] == ' ':
		return r.take(2, &r.year, 99) && r.take(2, &r.month, 12) && r.take(2, &r.day, 31) && r.century() && r.skip(1) && r.clock() && r.behind()
	case n == 2 && b[2] == '.':
		return r.take(2, &r.day, 31) && r.skip(1) && r.take(2, &r.month, 12) && r.is('.') && r.take(4, &r.year, 9999) &&
			r.separator() && r.clock() && r.behind()
	case n <= 2 && (b[n] == '/' || b[n] == '-' || b[n] == ' '):
		c := b[n]
		return r.take(n, &r.day, 31) && r.skip(1) && r.name() && r.is(c) && r.take(4, &r.year, 9999) && r.separator() && r.clock() && r.behind()
	}
	return false
}

// letters reads a time that begins with a name, or with the letter of klog.
func (r *reading) letters() bool {
	if len(r.rest) < len("I0102 15:04:05") {
		return false
	}
	switch c := r.rest[0]; {
	case digit(r.rest[1]):
		return (c == 'I' || c == 'W' || c == 'E' || c == 'F') &&
			r.skip(1) && r.take(2, &r.month, 12) && r.take(2, &r.day, 31) && r.is(' ') && r.colons()
	case r.rest[3] == ',': // RFC 1123
		return r.skip(3) && r.skip(1) && r.is(' ') && r.take(run(r.rest), &r.day, 31) && r.is(' ') && r.name() && r.is(' ') &&
			r.take(4, &r.year, 9999) && r.is(' ') && r.colons() && r.behind()
	case r.name():
		return r.syslog()
	default: // the name of a day, perhaps
		return r.skip(3) && r.is(' ') && r.name() && r.ctime()
	}
}

// syslog reads what is behind the month where no day of the week is before it: the
// day, sometimes the year, and the time.
func (r *reading) syslog() bool {
	if !r.is(' ') || !r.padded() || !r.is(' ') {
		return false
	}
	if run(r.rest) == 4 {
		return r.take(4, &r.year, 9999) && (r.is(' ') || r.is(',') && r.is(' ')) && r.colons() && r.behind()
	}
	return r.colons() && r.behind()
}

// ctime reads what is behind the month where a day of the week is before it. The
// year comes last, and before it the name of a zone may.
func (r *reading) ctime() bool {
	if !r.is(' ') || !r.padded() || !r.is(' ') || !r.colons() {
		return false
	}
	for range 2 {
		if !r.is(' ') {
			return false
		}
		if run(r.rest) == 4 {
			return r.take(4, &r.year, 9999)
		}
		if !r.zoneBeforeYear() {
			return false
		}
	}
	return false
}

// padded reads a day, behind another space or 0 if it has one digit.
func (r *reading) padded() bool {
	r.is(' ')
	return r.take(run(r.rest), &r.day, 31)
}

// century makes a year of two digits one of 1970 to 2069.
func (r *reading) century() bool {
	if r.year += 1900; r.year < 1970 {
		r.year += 100
	}
	return true
}

// clock reads the time of day.
func (r *reading) clock() bool {
	if run(r.rest) == 6 {
		if !r.take(2, &r.hour, 23) || !r.take(2, &r.minute, 59) || !r.take(2, &r.second, 59) {
			return false
		}
	} else if !r.take(2, &r.hour, 23) || !r.is(':') || !r.take(2, &r.minute, 59) || !r.is(':') || !r.take(2, &r.second, 59) {
		return false
	}
	r.nanos, r.rest = fraction(r.rest, true)
	return true
}

// colons reads the time of day with colons in it, as what begins with a name has it.
func (r *reading) colons() bool { return run(r.rest) == 2 && r.clock() }

// behind reads the zone behind a time, if there is one.
func (r *reading) behind() bool {
	b := r.rest
	spaced := len(b) > 1 && b[0] == ' '
	if spaced {
		b = b[1:]
	}
	if len(b) == 0 {
		return true
	}
	if b[0] == '+' || b[0] == '-' {
		return r.numericZone(b, spaced)
	}
	n := letters(b)
	switch string(b[:n]) {
	case "Z", "UTC", "GMT":
		r.zoned, r.rest = true, b[n:]
	case "ACDT", "ACST", "AEDT", "AEST", "AKDT", "AKST", "AWST", "BST", "CDT", "CEST", "CET", "CST", "EDT", "EEST", "EET", "EST",
		"HKT", "HST", "IST", "JST", "KST", "MDT", "MSK", "MST", "NZDT", "NZST", "PDT", "PST", "SAST", "SGT", "WEST", "WET":
		r.zone, r.rest = b[:n], b[n:] // not the level of a line, or what it begins with
	}
	return true
}

// numericZone reads +07:00, +0700 or, with no space before it, +07. A dash may be
// something else, as in "15:04:05 - text".
func (r *reading) numericZone(b []byte, spaced bool) bool {
	n := run(b[1:])
	ok, minutes := true, 0
	switch {
	case n == 4:
		minutes = number(b[1:3], 23, &ok)*60 + number(b[3:5], 59, &ok)
	case n == 2 && len(b) >= 6 && b[3] == ':' && run(b[4:]) == 2:
		minutes, n = number(b[1:3], 23, &ok)*60+number(b[4:6], 59, &ok), 5
	case n == 2 && !spaced:
		minutes = number(b[1:3], 23, &ok) * 60
	default:
		return true
	}
	if r.zoned, r.offset, r.rest = true, time.Duration(minutes)*time.Minute, b[1+n:]; b[0] == '-' {
		r.offset = -r.offset
	}
	return ok
}

// zoneBeforeYear reads a zone, which must be there.
func (r *reading) zoneBeforeYear() bool {
	if len(r.rest) > 0 && (r.rest[0] == '+' || r.rest[0] == '-') {
		return r.numericZone(r.rest, false) && r.zoned
	}
	n := letters(r.rest)
	switch name := r.rest[:n]; string(name) {
	case "Z", "UTC", "GMT":
		r.zoned = true
	default:
		r.zone = name
	}
	r.rest = r.rest[n:]
	return n > 0
}
