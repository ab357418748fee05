package template

import (
	"errors"
	"fmt"
	"strings"
)

// A Piece of a template is text, or else a placeholder: {verb} or {verb:arg}.
type Piece struct {
	Text      string
	Verb, Arg string
}

// Placeholder is how p is written in a template.
func (p Piece) Placeholder() string {
	if p.Arg != "" {
		return "{" + p.Verb + ":" + p.Arg + "}"
	}
	return "{" + p.Verb + "}"
}

// Label is the name of the label that p stands for unless whoever asks knows p for
// something else: app of {app}, and of {label:app}, which is for labels called like
// something else. A word alone is a label, "label" as well. The error says that p has
// an argument that means nothing.
func (p Piece) Label() (name string, err error) {
	switch {
	case p.Arg == "":
		return p.Verb, nil
	case p.Verb == "label":
		return p.Arg, nil
	}
	return "", fmt.Errorf("%s is no placeholder", p.Placeholder())
}

var (
	errOpen  = errors.New("a { has no }: write {{ for a brace")
	errClose = errors.New("a } has no {: write }} for a brace")
)

// Parse takes a template apart. Neighbouring text is one Piece. The error says what is
// wrong with the template, and not where it comes from.
func Parse(template string) (pieces []Piece, err error) {
	var text strings.Builder
	flush := func() {
		if text.Len() > 0 {
			pieces = append(pieces, Piece{Text: text.String()})
			text.Reset()
		}
	}
	for rest := template; rest != ""; {
		at := strings.IndexAny(rest, "{}")
		if at < 0 {
			text.WriteString(rest)
			break
		}
		text.WriteString(rest[:at])
		rest = rest[at:]
		if len(rest) > 1 && rest[1] == rest[0] {
			text.WriteByte(rest[0])
			rest = rest[2:]
			continue
		}
		end := strings.IndexByte(rest, '}')
		switch {
		case end == 0:
			return nil, errClose
		case end < 0:
			return nil, errOpen
		}
		flush()
		p, err := placeholder(rest[1:end])
		if err != nil {
			return nil, err
		}
		pieces = append(pieces, p)
		rest = rest[end+1:]
	}
	flush()
	return pieces, nil
}

func placeholder(inside string) (Piece, error) {
	verb, arg, hasArg := strings.Cut(inside, ":")
	if verb == "" || strings.Contains(inside, "{") || hasArg && arg == "" {
		return Piece{}, fmt.Errorf("{%s} is no placeholder", inside)
	}
	return Piece{Verb: verb, Arg: arg}, nil
}
