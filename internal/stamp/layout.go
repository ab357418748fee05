package stamp

import "time"

// ParseLayout reads all of text with a layout of package time, with zone and now as
// [Parse] has them. It allocates.
func ParseLayout(layout, text string, zone *time.Location, now time.Time) (time.Time, bool) {
	t, err := time.ParseInLocation(layout, text, zone)
	if err != nil {
		return time.Time{}, false
	}
	// Package time makes up a zone for a name that it does not know.
	if name, offset := t.Zone(); offset == 0 && t.Location() != zone && t.Location() != time.UTC && name != "" && name != "GMT" {
		return time.Time{}, false
	}
	if t.Year() != 0 {
		return t.UTC(), true
	}
	r := reading{year: unknown, month: int(t.Month()), day: t.Day(), hour: t.Hour(), minute: t.Minute(), second: t.Second(), nanos: t.Nanosecond()}
	return r.time(t.Location(), now)
}
