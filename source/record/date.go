package record

// Dates has a record begin at each line that begins with a date or a time of
// day, after an opening bracket, a quote, a letter for the level or a syslog
// priority perhaps:
//
//	2006-01-02 15:04:05      2006-01-02T15:04:05Z      2006/01/02 15:04:05     [2006-01-02 ...
//	02/Jan/2006:15:04:05     02.01.2006 15:04          Jan  2 15:04:05         15:04:05.000
//	[Mon Jan 02 15:04:05     20060102 150405           060102 150405           20060102T150405
//	I0102 15:04:05           <34>1 2006-01-02T...      <34>Jan  2 15:04:05
//
// It does not check whether there is such a day.
func Dates() Rule { return startsWhere(dated) }

// dates are the forms of a date: d is a digit, s a digit or a space, M a letter
// of a name, - one of the separators of dates; other bytes stand for
// themselves. What follows must not be a digit.
var dates = [...]string{
	"dddd-dd-dd", "dd-dd-dddd", "dd-dd-dd ", "dd-MMM-dddd", "d-MMM-dddd", "dd MMM dddd", "dd:dd:dd",
	"MMM sd dd:dd", "MMM MMM sd dd:dd", "MMM, dd MMM dddd",
	"dddddddd dddddd", "dddddd dddddd", "ddddddddTdddddd",
	"Mdddd dd:dd:dd",
}

func dated(line []byte) bool {
	line = opening(line)
	for _, form := range dates {
		if fits(line, form) {
			return true
		}
	}
	return false
}

// opening leaves out what may stand before a date.
func opening(line []byte) []byte {
	if len(line) == 0 {
		return line
	}
	switch line[0] {
	case '[', '(', '"', '\'', '{':
		return line[1:]
	case '<':
		n := digits(line[1:])
		if n == 0 || n > 3 || !has(line[1+n:], ">") {
			return line
		}
		line = line[n+2:]
		if has(line, "1 ") {
			return line[2:]
		}
	}
	return line
}

// fits reports whether line begins with form.
func fits(line []byte, form string) bool {
	if len(line) < len(form) {
		return false
	}
	for i := range len(form) {
		c := line[i]
		switch form[i] {
		case 'd':
			if !digit(c) {
				return false
			}
		case 's':
			if !digit(c) && c != ' ' {
				return false
			}
		case 'M':
			if c|0x20 < 'a' || c|0x20 > 'z' {
				return false
			}
		case '-':
			if c != '-' && c != '/' && c != '.' {
				return false
			}
		default:
			if c != form[i] {
				return false
			}
		}
	}
	last := form[len(form)-1]
	return last != 'd' || len(line) == len(form) || !digit(line[len(form)])
}
