package file

import (
	"errors"
	"time"
)

const day = 24 * time.Hour

// A calendar knows the instants at which a new file is begun, whatever its size.
type calendar struct {
	every time.Duration   // zero: there are none of these
	at    []time.Duration // since midnight, by the clock
	loc   *time.Location
}

func checkEvery(d time.Duration) error {
	switch {
	case d < 0:
		return errors.New("negative")
	case d > 0 && d < time.Second:
		return errors.New("less than a second")
	case d > day && d%day != 0:
		return errors.New("more than a day, and not a number of days")
	}
	return nil
}

// parseAt reads a time of day, such as 03:30.
func parseAt(clock string) (time.Duration, error) {
	t, err := time.Parse("15:04", clock)
	if err != nil {
		return 0, errors.New("want hours and minutes, such as 03:30")
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute, nil
}

// idle reports whether there are no such instants.
func (c *calendar) idle() bool { return c.every == 0 && len(c.at) == 0 }

// latest returns the last of the instants up to t; zero if there are none.
func (c *calendar) latest(t time.Time) (latest time.Time) {
	consider := func(at time.Time) {
		if !at.After(t) && at.After(latest) {
			latest = at
		}
	}
	t = t.In(c.loc)
	for back := range 2 {
		for _, at := range c.at {
			consider(time.Date(t.Year(), t.Month(), t.Day()-back, int(at/time.Hour), int(at%time.Hour/time.Minute), 0, 0, c.loc))
		}
	}
	midnight := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, c.loc)
	switch {
	case c.every == 0:
	case c.every < day:
		consider(midnight.Add(t.Sub(midnight) / c.every * c.every))
	default:
		n := int64(c.every / day)
		number := time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC).Unix() / int64(day/time.Second)
		consider(time.Date(t.Year(), t.Month(), t.Day()-int(number%n), 0, 0, 0, 0, c.loc))
	}
	return latest
}
