package stamp

// take reads n digits, of a number up to most.
func (r *reading) take(n int, to *int, most int) bool {
	if n == 0 || n > 4 || len(r.rest) < n {
		return false
	}
	ok := true
	*to = number(r.rest[:n], most, &ok)
	r.rest = r.rest[n:]
	return ok
}

func (r *reading) skip(n int) bool {
	r.rest = r.rest[n:]
	return true
}

// is skips c, if that comes next.
func (r *reading) is(c byte) bool {
	if len(r.rest) == 0 || r.rest[0] != c {
		return false
	}
	r.rest = r.rest[1:]
	return true
}

// separator skips what stands between a date and a time of day.
func (r *reading) separator() bool {
	return r.is(' ') || r.is('T') || r.is(':') || r.is('_') || r.is('-')
}

// name reads the name of a month, shortened to three letters.
func (r *reading) name() bool {
	if len(r.rest) < 3 {
		return false
	}
	switch string([]byte{r.rest[0] &^ 0x20, r.rest[1] | 0x20, r.rest[2] | 0x20}) {
	case "Jan":
		r.month = 1
	case "Feb":
		r.month = 2
	case "Mar":
		r.month = 3
	case "Apr":
		r.month = 4
	case "May":
		r.month = 5
	case "Jun":
		r.month = 6
	case "Jul":
		r.month = 7
	case "Aug":
		r.month = 8
	case "Sep":
		r.month = 9
	case "Oct":
		r.month = 10
	case "Nov":
		r.month = 11
	case "Dec":
		r.month = 12
	default:
		return false
	}
	r.rest = r.rest[3:]
	return true
}

// run is how many digits b begins with.
func run(b []byte) int {
	n := 0
	for n < len(b) && digit(b[n]) {
		n++
	}
	return n
}

func word(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' || digit(c) }

// letters is how many letters b begins with, 6 at most, 0 if a digit follows.
func letters(b []byte) int {
	n := 0
	for n < len(b) && word(b[n]) {
		if digit(b[n]) || n == 6 {
			return 0
		}
		n++
	}
	return n
}
