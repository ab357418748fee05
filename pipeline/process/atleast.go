package process

import (
	"fmt"

	"github.com/logferry/logferry/batch"
)

// severityIn is the severity that the attributes or labels of an entry tell.
func severityIn(e *batch.Entry, l batch.Labels) Severity {
	for _, name := range [...]string{"level", "detected_level", "severity"} {
		if v := valueIn(e, l, name); v != "" {
			if s := ParseSeverity(v); s != SeverityUnknown {
				return s
			}
		}
	}
	return SeverityUnknown
}

// atLeast reports whether an entry is that bad or worse. Nothing is
// SeverityUnknown or worse.
func atLeast(least Severity, e *batch.Entry, l batch.Labels) bool {
	return least != SeverityUnknown && severityIn(e, l) >= least
}

// isSeverity checks the field of a Config.
func isSeverity(who, field string, s Severity) []error {
	if s < severities {
		return nil
	}
	return []error{fmt.Errorf("process: %s: %s: there is no %d", who, field, s)}
}
