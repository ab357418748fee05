package process

// Must returns p, and panics if err is not nil. It is for processors whose
// Config is part of the program, where an error is a mistake in it:
//
//	process.Must(process.Clamp(process.ClampConfig{}))
func Must[P any](p P, err error) P {
	if err != nil {
		panic(err)
	}
	return p
}
