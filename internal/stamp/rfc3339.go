package stamp

import "time"

// RFC3339 reads a time in the form of RFC 3339, section 5.6, without leap
// seconds, and returns it in UTC. Digits beyond nanoseconds are dropped. Unlike
// time.Time.UnmarshalText it allocates nothing when there is a zone offset.
func RFC3339(b []byte) (time.Time, bool) {
	if len(b) < len("2006-01-02T15:04:05Z") ||
		b[4] != '-' || b[7] != '-' || b[10] != 'T' || b[13] != ':' || b[16] != ':' {
		return time.Time{}, false
	}
	ok := true
	year := number(b[:4], 9999, &ok)
	month := number(b[5:7], 12, &ok)
	day := number(b[8:10], 31, &ok)
	hour := number(b[11:13], 23, &ok)
	minute := number(b[14:16], 59, &ok)
	second := number(b[17:19], 59, &ok)
	nanos, rest := fraction(b[19:], false)
	zone, zoned := offset(rest)
	if !ok || !zoned || month == 0 || day == 0 {
		return time.Time{}, false
	}
	t := time.Date(year, time.Month(month), day, hour, minute, second, nanos, time.UTC)
	if t.Day() != day {
		return time.Time{}, false // the 31st of a shorter month
	}
	return t.Add(-zone), true
}

// number reads digits. It clears ok if there are other bytes, or more than max.
func number(digits []byte, max int, ok *bool) int {
	n := 0
	for _, c := range digits {
		if c < '0' || c > '9' {
			*ok = false
			return 0
		}
		n = n*10 + int(c-'0')
	}
	if n > max {
		*ok = false
	}
	return n
}

// fraction reads the fraction of a second, which may be missing, behind a point or,
// if that is let pass, a comma.
func fraction(b []byte, comma bool) (nanos int, rest []byte) {
	if len(b) < 2 || b[0] != '.' && !(comma && b[0] == ',') || !digit(b[1]) {
		return 0, b
	}
	unit := 1_000_000_000
	b = b[1:]
	for len(b) > 0 && digit(b[0]) {
		if unit /= 10; unit > 0 {
			nanos += int(b[0]-'0') * unit
		}
		b = b[1:]
	}
	return nanos, b
}

// offset reads all of b as the offset from UTC.
func offset(b []byte) (time.Duration, bool) {
	if len(b) == 1 && b[0] == 'Z' {
		return 0, true
	}
	if len(b) != len("+07:00") || b[3] != ':' || b[0] != '+' && b[0] != '-' {
		return 0, false
	}
	ok := true
	d := time.Duration(number(b[1:3], 23, &ok))*time.Hour + time.Duration(number(b[4:], 59, &ok))*time.Minute
	if b[0] == '-' {
		d = -d
	}
	return d, ok
}

func digit(c byte) bool { return '0' <= c && c <= '9' }
