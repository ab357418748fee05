package slogsource

import (
	"encoding"
	"fmt"
	"log/slog"
	"strconv"
)

// textOf is a value of any type as text: what slog.TextHandler would write without
// quotes, except that an error is its message, whatever its verb %+v.
func textOf(v any) (text string) {
	if what := tried(func() { text = format(v) }); what != "" {
		return what
	}
	return text
}

func format(v any) string {
	switch x := v.(type) {
	case error:
		return x.Error()
	case encoding.TextMarshaler:
		text, err := x.MarshalText()
		if err != nil {
			return "!ERROR: " + err.Error()
		}
		return string(text)
	case *slog.Source:
		return x.File + ":" + strconv.Itoa(x.Line)
	case []byte:
		return string(x)
	}
	return fmt.Sprintf("%+v", v)
}

// tried calls f, which calls code of the host's, and says what it panicked with:
// a log call must not end what it is called by.
func tried(f func()) (panicked string) {
	defer func() {
		if v := recover(); v != nil {
			panicked = fmt.Sprintf("!PANIC: %v", v)
		}
	}()
	f()
	return ""
}
