package stamp

import "time"

// time is what was read.
func (r *reading) time(zone *time.Location, now time.Time) (time.Time, bool) {
	if !r.epoch.IsZero() {
		return r.epoch, true
	}
	if r.year != unknown {
		return r.in(r.year, zone)
	}
	year := now.UTC().Year()
	if r.month == 1 {
		year++ // on the 31st of December, it may be ahead
	}
	for oldest := year - 10; year >= oldest; year-- { // the last 29th of February may be 8 years ago
		if t, ok := r.in(year, zone); ok && t.Sub(now) <= ahead {
			return t, true
		}
	}
	return time.Time{}, false
}

func (r *reading) in(year int, zone *time.Location) (time.Time, bool) {
	if r.zoned {
		zone = time.UTC
	}
	if r.month == 0 || r.day == 0 {
		return time.Time{}, false
	}
	t := time.Date(year, time.Month(r.month), r.day, r.hour, r.minute, r.second, r.nanos, zone)
	if t.Day() != r.day {
		return time.Time{}, false // the 31st of a shorter month
	}
	if len(r.zone) > 0 {
		if name, _ := t.Zone(); name != string(r.zone) {
			return time.Time{}, false
		}
	}
	return t.Add(-r.offset).UTC(), true
}
