package loki

import (
	"errors"
	"time"
)

// Times says what becomes of entries whose time Loki would refuse. The zero Times sends every entry with its own time
// and leaves the refusal to Loki.
//
// The three durations are those of Loki's configuration, by which the sink tells beforehand which entries they are. Zero
// means Loki's default.
type Times struct {
	// TooOld is for entries older than MaxAge, and for those further than MaxBehind behind the newest entry of their
	// stream that this sink has delivered. Clamp gives them the oldest time that stays acceptable for another half hour,
	// or half of MaxAge or MaxBehind if that is less.
	TooOld TimePolicy
	// TooNew is for entries further ahead of the clock than MaxAhead. Clamp gives them the time of the clock.
	TooNew TimePolicy

	MaxAge    time.Duration // reject_old_samples_max_age: 7 days
	MaxAhead  time.Duration // creation_grace_period: 10 minutes
	MaxBehind time.Duration // half of max_chunk_age: 1 hour

	// Distinct keeps entries of a stream apart that have the same time: each goes out at least a nanosecond after the
	// one before. Loki stores equal lines of a stream that have the same time only once. Of entries older than the newest
	// one before them, which are out of order, those next to each other are kept apart. What was sent before the Sink was
	// made is not known: an entry that comes after a restart may be taken for an equal one that was delivered before. So
	// may one if there have been more than 10,000 sets of labels since.
	Distinct bool
}

// A TimePolicy is what becomes of an entry that is too old or too new.
type TimePolicy int

const (
	// Keep sends the entry with its own time. If Loki refuses it, it is a permanent failure with Loki's reason.
	Keep TimePolicy = iota
	// Clamp sends the entry with a time that Loki accepts, a nanosecond or more after the one clamped before it, and with
	// its own time in the attribute original_time, in UTC and nanoseconds; [Config].DropAttrs leaves that out as well, and
	// an attribute of that name that the entry has already wins. What Loki refuses for its time all the same, because
	// somebody else sends newer entries to the stream or its limits are others than Times says, is clamped then.
	//
	// An entry that is worth a retry goes out with the same time in the next Write of its labels, which is the retry if
	// [sink.Retry] or a pipeline makes it: so Loki, which may have stored it, stores it once. That ends when the time is
	// no longer acceptable: an entry that is not delivered within half an hour may be stored twice. So may one that is
	// sent again after a restart, or after entries with 10,000 other sets of labels.
	Clamp
	// Refuse does not send the entry: it is a permanent failure, with a reason of our own.
	Refuse
)

const (
	defaultMaxAge    = 7 * 24 * time.Hour
	defaultMaxAhead  = 10 * time.Minute
	defaultMaxBehind = time.Hour

	// clampMargin is how long a time given by Clamp stays acceptable, unless the limits are that narrow: longer than what
	// a restart or an upgrade of Loki takes.
	clampMargin = 30 * time.Minute
)

func (t Times) withDefaults() Times {
	if t.MaxAge == 0 {
		t.MaxAge = defaultMaxAge
	}
	if t.MaxAhead == 0 {
		t.MaxAhead = defaultMaxAhead
	}
	if t.MaxBehind == 0 {
		t.MaxBehind = defaultMaxBehind
	}
	return t
}

func (t Times) validate() error {
	var errs []error
	for _, f := range []struct {
		name   string
		policy TimePolicy
	}{{"TooOld", t.TooOld}, {"TooNew", t.TooNew}} {
		if f.policy < Keep || f.policy > Refuse {
			errs = append(errs, wrong("Times."+f.name, "%d: want Keep, Clamp or Refuse", f.policy))
		}
	}
	for _, f := range []struct {
		name string
		d    time.Duration
	}{{"MaxAge", t.MaxAge}, {"MaxAhead", t.MaxAhead}, {"MaxBehind", t.MaxBehind}} {
		if f.d < 0 {
			errs = append(errs, wrong("Times."+f.name, "%v: negative", f.d))
		}
	}
	return errors.Join(errs...)
}

// changes reports whether t can change the time of an entry, or keep it back.
func (t *Times) changes() bool { return t.TooOld != Keep || t.TooNew != Keep || t.Distinct }

func (t *Times) margin() time.Duration { return min(clampMargin, t.MaxAge/2, t.MaxBehind/2) }
