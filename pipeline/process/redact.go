package process

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"
	"unsafe"

	"github.com/logferry/logferry/batch"
)

// A Pattern is a set of what a [Redactor] knows how to find.
type Pattern uint8

// What a Redactor finds. All of it is looked for in one pass over a line.
const (
	// Credentials are values whose name says that they are secret (password=,
	// "api_key":, Authorization:, and what else ends in such a word), in
	// key=value pairs, JSON, JSON within JSON, query strings and headers; the
	// user information of URLs, and of data source names such as
	// user:password@tcp(host:3306)/db; and Bearer or Basic with what follows.
	Credentials Pattern = 1 << iota
	// Tokens are secrets that are known by their form: JSON web tokens, the keys
	// of AWS, Google, GitHub, GitLab, Slack, Stripe, npm, PyPI and others, and
	// private keys in PEM. Where such a key comes line by line, so that its begin
	// is in another entry, a line of 64, 70 or 76 characters of base64 and nothing
	// else is taken for one of it.
	Tokens
	// Cards are payment card numbers: 13 to 19 digits, together or in groups,
	// that begin as those of an issuer do and whose check digit is right.
	Cards
	// Emails are e-mail addresses.
	Emails
	// IPs are IPv4 and IPv6 addresses.
	IPs
)

const (
	allPatterns     = Credentials | Tokens | Cards | Emails | IPs
	defaultPatterns = allPatterns &^ IPs
	maxReplacement  = 64
	minHashKey      = 16
)

// A RedactConfig says what a line may not tell. The zero RedactConfig has
// credentials, tokens, card numbers and e-mail addresses replaced.
type RedactConfig struct {
	// Patterns are those to look for; zero: all but IPs, without which an access
	// log says little.
	Patterns Pattern
	// NoPatterns has none looked for, where Regexps are all that is wanted.
	NoPatterns bool
	// Names are more names whose values are secret, of letters and digits. Case,
	// '_', '-', '.' and a number at the end do not matter, and a name may be the
	// last word of a longer one: "session" is as well "user_session" and
	// "userSession2".
	Names []string
	// Regexps are what else to replace: the whole match, or, where the
	// expression has groups named "secret", what these match. Each costs what
	// package regexp takes for every line.
	Regexps []*regexp.Regexp

	// Replacement is what stands in for a secret; "": "[redacted:KIND]", where
	// KIND is credential, token, card, email, ip or match. It is at most 64
	// bytes, printable, and without blanks, quotes and backslashes: it may come
	// to stand in JSON.
	Replacement string
	// HashKey adds to each replacement a hash of what it stands for, so that
	// equal secrets can be told to be equal: 64 bits of HMAC-SHA-256 with this
	// key, in hex. It has at least 16 bytes. Whoever knows the key can find a
	// secret of few possible values by trying them.
	HashKey []byte
}

// A kind is what a secret was taken for.
type kind uint8

const (
	kindCredential kind = iota
	kindToken
	kindCard
	kindEmail
	kindIP
	kindMatch
	kinds
)

func (k kind) String() string {
	return [kinds]string{"credential", "token", "card", "email", "ip", "match"}[k]
}

// A Redactor replaces secrets in lines and in the values of attributes; an
// attribute whose name says that it is secret has its whole value replaced.
// Labels are left alone. [Redact] makes one; all methods may be called
// concurrently.
//
// It sees one entry at a time, and takes rather too much than too little: a
// quoted value ends at its quote or with the line, any other one at a blank, or
// where the next name=value begins behind '&', ',' or ';'. Behind "password: " or
// "password = " at the beginning of a line, as in YAML, it ends with the line.
//
// What it cannot know is a secret with blanks in it that is neither quoted nor like
// that, one without a name or a known form, the half of a secret that a line ends in
// which its source has cut, and the last line of a private key that comes line by line,
// which is shorter than the others: a source that joins lines, with record.Multiline,
// has a key in one entry.
//
// Where a processor fails, before it or behind it, the lines as they were read go through
// the Redactor before a dead letter gets them, and so does what the error says, as
// pipeline.Concealer has it.
type Redactor struct {
	patterns Pattern
	look     [256]look       // what to do at a byte
	names    [][]secretName  // by their last two letters; none are in the first
	ends     [1 << 10]uint16 // which of them end in two letters
	prefixes [256][]prefix   // of tokens, by the letter before the '_' or '-'
	regexps  []expression
	marks    [kinds]mark
	hashKey  []byte
	seekers  sync.Pool

	entries, values atomic.Int64
}

// An expression is a pattern of the user's, and the numbers of its groups named
// "secret".
type expression struct {
	re     *regexp.Regexp
	groups []int
}

// Redact returns a Redactor. Its error names each field that makes no sense.
func Redact(cfg RedactConfig) (*Redactor, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	r := &Redactor{patterns: cfg.Patterns, hashKey: slices.Clone(cfg.HashKey)}
	if r.patterns == 0 {
		r.patterns = defaultPatterns
	}
	if cfg.NoPatterns {
		r.patterns = 0
	}
	r.learn(cfg.Names)
	r.watch()
	for _, re := range cfg.Regexps {
		x := expression{re: re}
		for i, name := range re.SubexpNames() {
			if name == "secret" {
				x.groups = append(x.groups, i)
			}
		}
		r.regexps = append(r.regexps, x)
	}
	for k := range kinds {
		r.marks[k] = newMark(k, cfg.Replacement)
	}
	return r, nil
}

func (c RedactConfig) validate() error {
	var errs []error
	wrong := func(format string, args ...any) { errs = append(errs, fmt.Errorf("process: Redact: "+format, args...)) }
	if c.Patterns&^allPatterns != 0 {
		wrong("Patterns: %#x has bits that mean nothing", c.Patterns&^allPatterns)
	}
	if c.NoPatterns && c.Patterns != 0 {
		wrong("NoPatterns: there are Patterns")
	}
	if c.NoPatterns && len(c.Names) == 0 && len(c.Regexps) == 0 {
		wrong("NoPatterns: nothing is left to look for")
	}
	for i, name := range c.Names {
		if n := normal(name); len(n) < 2 || strings.ContainsFunc(n, func(c rune) bool { return c > 0x7f || !isWord[byte(c)] }) {
			wrong("Names[%d]: %q: want two or more letters and digits", i, name)
		}
	}
	for i, re := range c.Regexps {
		if re == nil {
			wrong("Regexps[%d]: is nil", i)
		}
	}
	if unfit := func(c rune) bool { return c <= ' ' || c == 0x7f || strings.ContainsRune("\"'`\\", c) }; len(c.Replacement) > maxReplacement ||
		!utf8.ValidString(c.Replacement) || strings.ContainsFunc(c.Replacement, unfit) {
		wrong("Replacement: %q: want at most %d bytes, without blanks, quotes, backslashes and control characters", c.Replacement, maxReplacement)
	}
	if n := len(c.HashKey); c.HashKey != nil && n < minHashKey {
		wrong("HashKey: has %d bytes, want at least %d", n, minHashKey)
	}
	return errors.Join(errs...)
}

// Process is that of pipeline.Processor. Entries without secrets are left as
// they are.
func (r *Redactor) Process(_ context.Context, b *batch.Batch) error {
	f := r.seeker()
	defer r.give(f)
	var entries, values int64
	for i := range b.Entries {
		e := &b.Entries[i]
		n := 0
		if f.findLine(text(e.Line)) {
			n += len(f.found)
			e.Line = f.rewrite(b)
		}
		rewriteAttrs(b, e, func(a *batch.Attr) (string, bool) {
			if !f.findAttr(a) {
				return "", false
			}
			n += len(f.found)
			return string(f.append(nil)), true
		})
		if n > 0 {
			entries++
			values += int64(n)
		}
	}
	count(&r.entries, entries)
	count(&r.values, values)
	return nil
}

// Conceals is that of pipeline.Concealer: where another processor fails, the dead
// letter is not given a line that the Redactor has not seen.
func (r *Redactor) Conceals() bool { return true }

// text is a line as a string, for as long as nobody writes over it: a processor
// never does, and keeps no part of it.
func text(line []byte) string { return unsafe.String(unsafe.SliceData(line), len(line)) }

// RedactStats count since the Redactor was made.
type RedactStats struct {
	Entries int64 // had something replaced
	Values  int64 // were replaced in them
}

// Stats returns the counters.
func (r *Redactor) Stats() RedactStats {
	return RedactStats{Entries: r.entries.Load(), Values: r.values.Load()}
}
