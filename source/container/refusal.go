package container

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/containerd/errdefs"
)

// maxReason bounds what is kept of an engine's explanation, in bytes: it ends up
// in log lines, and could be as large as a page of HTML.
const maxReason = 256

// unanswered makes an error of what kept a request from its answer. ctx is the
// caller's. Where only the time limit of the request has passed, the error is a
// context.DeadlineExceeded all the same.
func unanswered(ctx context.Context, doing string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("container: %s: %w", doing, context.Cause(ctx))
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("container: %s: no answer in time: %w", doing, context.DeadlineExceeded)
	}
	text := brief(err.Error())
	switch kind := refusal(err, strings.ToLower(text)); kind {
	case nil:
	case errGone:
		return fmt.Errorf("container: %s: %w", doing, kind)
	default:
		return fmt.Errorf("container: %s: %w: %s", doing, kind, text)
	}
	// Not wrapped: it may hold a megabyte of text.
	return fmt.Errorf("container: %s: %s", doing, text)
}

// refusal tells what err means, if that is more than an error.
//
// Engines 20.10 and 26.1 were seen to answer a request for the log of a
// container whose driver is none, or one that keeps nothing (syslog with
// cache-disabled=true), with 501 and "configured logging driver does not
// support reading". Podman answers 500 and "this container is using the 'none'
// log driver, cannot read logs" (libpod/container_log.go).
//
// A status of 404 is not enough for errGone, which lets go of a cursor: a proxy
// in between says that, too, of a path that it does not know. Docker's text is
// "No such container: x", Podman's "no container with name or ID "x" found: no
// such container".
func refusal(err error, text string) error {
	switch {
	case errdefs.IsNotFound(err) && strings.Contains(text, "no such container"):
		return errGone
	case errdefs.IsNotImplemented(err), strings.Contains(text, "log driver, cannot read logs"),
		strings.Contains(text, "logging driver does not support reading"):
		return errUnreadable
	}
	return nil
}

// brief makes one short line of what an engine says.
func brief(text string) string {
	text = strings.TrimPrefix(text, "Error response from daemon: ")
	cut := len(text) > maxReason
	if cut {
		text = text[:maxReason]
	}
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	text = strings.Join(strings.Fields(text), " ")
	if cut {
		text += " …"
	}
	return text
}
