package containertest

// delays are the events of a stream that come late.
type delays []delay

type delay struct {
	line  []byte
	count int // how many events come before it
}

// order returns what is sent when an event's turn has come.
func (d *delays) order(line []byte, do Action) (now [][]byte) {
	switch do.kind {
	case omit:
		return nil
	case late:
		*d = append(*d, delay{line, do.count})
		return nil
	case twice:
		now = append(now, line)
	}
	now = append(now, line)
	rest := (*d)[:0]
	for _, held := range *d {
		if held.count--; held.count > 0 {
			rest = append(rest, held)
		} else {
			now = append(now, held.line)
		}
	}
	*d = rest
	return now
}
