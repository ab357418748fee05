package file

import (
	"errors"
	"fmt"
	"strings"
)

// A piece of a template is text, or else a placeholder: {verb} or {verb:arg}.
type piece struct {
	text      string
	verb, arg string
}

// placeholder is how p is written in a template.
func (p piece) placeholder() string {
	if p.arg != "" {
		return "{" + p.verb + ":" + p.arg + "}"
	}
	return "{" + p.verb + "}"
}

var (
	errOpenBrace  = errors.New("a { has no }: write {{ for a brace")
	errCloseBrace = errors.New("a } has no {: write }} for a brace")
)

// parseTemplate takes a template apart. Neighbouring text is one piece.
func parseTemplate(template string) (pieces []piece, err error) {
	var text strings.Builder
	flush := func() {
		if text.Len() > 0 {
			pieces = append(pieces, piece{text: text.String()})
			text.Reset()
		}
	}
	for rest := template; rest != ""; {
		switch c := rest[0]; {
		case (c == '{' || c == '}') && len(rest) > 1 && rest[1] == c:
			text.WriteByte(c)
			rest = rest[2:]
		case c == '}':
			return nil, errCloseBrace
		case c == '{':
			end := strings.IndexByte(rest, '}')
			if end < 0 {
				return nil, errOpenBrace
			}
			flush()
			p, err := parsePlaceholder(rest[1:end])
			if err != nil {
				return nil, err
			}
			pieces = append(pieces, p)
			rest = rest[end+1:]
		default:
			text.WriteByte(c)
			rest = rest[1:]
		}
	}
	flush()
	return pieces, nil
}

func parsePlaceholder(inside string) (piece, error) {
	verb, arg, hasArg := strings.Cut(inside, ":")
	if verb == "" || strings.Contains(inside, "{") || hasArg && arg == "" {
		return piece{}, fmt.Errorf("{%s} is no placeholder", inside)
	}
	return piece{verb: verb, arg: arg}, nil
}
