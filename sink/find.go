package sink

import "iter"

// A Wrapper is a Sink that writes through other Sinks. Unwrap returns them, in the order it prefers them; its result
// must not be changed. All decorators of this package are Wrappers.
type Wrapper interface {
	Unwrap() []Sink
}

// Find returns the first of s and the Sinks it wraps that is a T, depth first and s before what it wraps. Decorators
// of this package implement none of the optional interfaces, so that what is found is the Sink itself; [Spill] alone does,
// which is in the way of the Sink's own.
func Find[T any](s Sink) (T, bool) {
	for found := range All[T](s) {
		return found, true
	}
	var none T
	return none, false
}

// All yields every one of s and the Sinks it wraps that is a T, in the order of [Find]. A Sink that is wrapped twice is
// yielded twice.
func All[T any](s Sink) iter.Seq[T] {
	return func(yield func(T) bool) { walk(s, yield) }
}

// walk reports whether yield wants to see more.
func walk[T any](s Sink, yield func(T) bool) bool {
	if t, ok := s.(T); ok && !yield(t) {
		return false
	}
	w, ok := s.(Wrapper)
	if !ok {
		return true
	}
	for _, inner := range w.Unwrap() {
		if !walk(inner, yield) {
			return false
		}
	}
	return true
}

// Starters returns every one of s and the Sinks it wraps that is a [Starter], in the order in which whoever runs them
// starts them: what a Sink writes through comes before it. A Sink that is wrapped twice is there twice.
func Starters(s Sink) (list []Starter) {
	if w, ok := s.(Wrapper); ok {
		for _, inner := range w.Unwrap() {
			list = append(list, Starters(inner)...)
		}
	}
	if st, ok := s.(Starter); ok {
		list = append(list, st)
	}
	return list
}

// mustSink panics if a decorator is given nothing to decorate: its signature has no error, and the first Write would
// be a worse place to learn of it.
func mustSink(decorator string, s Sink) {
	if s == nil {
		panic("sink: " + decorator + ": nil Sink")
	}
}
