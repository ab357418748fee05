package process

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/logferry/logferry/batch"
)

// AccessLog is a pattern for what web servers write of requests, in the combined
// or the common log format. Its groups are remote, user, time, method, path,
// proto, status, bytes, referer and agent.
//
// See "Log Files" in the manual of the Apache HTTP Server, and the module
// ngx_http_log_module of nginx.
const AccessLog = `^(?P<remote>\S+) \S+ (?P<user>\S+) \[(?P<time>[^\]]+)\] "(?P<method>[A-Z]+) (?P<path>\S+)(?: (?P<proto>[^"]+))?" ` +
	`(?P<status>\d{3}) (?P<bytes>\d+|-)(?: "(?P<referer>(?:[^"\\]|\\.)*)" "(?P<agent>(?:[^"\\]|\\.)*)")?`

const defaultMaxInput = 16 << 10

// A RegexpConfig says what is found in lines, and what becomes of it. The zero
// RegexpConfig makes attributes of what is in access logs.
type RegexpConfig struct {
	// Pattern is in the syntax of package regexp, with named groups, (?P<name>…) or
	// (?<name>…): [AccessLog] by default. It is found anywhere in a
	// line unless it is anchored with ^.
	Pattern string
	// Labels and Attrs are as in [JSONConfig]; what is named is a group of Pattern.
	// With neither, all named groups become attributes.
	Labels map[string]string
	Attrs  map[string]string
	// MaxInput is how many bytes of a line are looked at, up to the end of a word as
	// for MaxValue: 16 KiB by default.
	MaxInput int
	// MaxValue and MaxLabelSets are as in [JSONConfig].
	MaxValue     int
	MaxLabelSets int
}

// A RegexpParser takes what groups of a regular expression match out of lines.
// Groups that match nothing, or the empty text, count as missing. Lines that do
// not match pass as they are and are counted. It takes time in proportion to
// the line whatever that holds, microseconds as a rule: where lines are JSON or
// logfmt, [JSON] and [Logfmt] do it in a fraction of that. [Regexp] makes one; all
// methods may be called concurrently.
type RegexpParser struct{ x extractor }

// Regexp returns a RegexpParser. Its error joins one for each field of cfg that
// makes no sense.
func Regexp(cfg RegexpConfig) (*RegexpParser, error) {
	re, err := compile(cfg.Pattern)
	groups := []string{}
	if err == nil {
		groups = named(re)
	}
	if err == nil && len(groups) == 0 {
		err = errors.New("process: Regexp: Pattern: no group has a name")
	}
	f := fields{labels: cfg.Labels, attrs: cfg.Attrs, maxValue: cfg.MaxValue, maxSets: cfg.MaxLabelSets}
	if len(cfg.Labels)+len(cfg.Attrs) == 0 {
		f.attrs = map[string]string{}
		for _, g := range groups {
			f.attrs[g] = g
		}
	}
	p, wrong := f.plan("Regexp", func(group string) error {
		if err == nil && !slices.Contains(groups, group) {
			return fmt.Errorf("the pattern has no group %q", group)
		}
		return nil
	})
	err = errors.Join(err, wrong, errors.Join(notNegative("Regexp", number{"MaxInput", cfg.MaxInput})...))
	if err != nil {
		return nil, err
	}
	r := &RegexpParser{}
	r.x.setUp(p, newRegexpFinder(re, p, cfg.MaxInput))
	return r, nil
}

// compile compiles a pattern, or that of access logs.
func compile(pattern string) (*regexp.Regexp, error) {
	if pattern == "" {
		return regexp.MustCompile(AccessLog), nil
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, fmt.Errorf("process: Regexp: Pattern: %w", err)
	}
	return re, nil
}

// named returns the names of groups.
func named(re *regexp.Regexp) []string {
	return slices.DeleteFunc(slices.Clone(re.SubexpNames()), func(name string) bool { return name == "" })
}

// Process is that of pipeline.Processor.
func (r *RegexpParser) Process(_ context.Context, b *batch.Batch) error {
	r.x.process(b)
	return nil
}

// Stats returns the counters.
func (r *RegexpParser) Stats() ParseStats { return r.x.stats() }

// A regexpFinder finds groups.
type regexpFinder struct {
	*plan
	re       *regexp.Regexp
	groups   []int // of each field of the plan
	maxInput int
}

func newRegexpFinder(re *regexp.Regexp, p *plan, maxInput int) regexpFinder {
	f := regexpFinder{plan: p, re: re, maxInput: cmp.Or(maxInput, defaultMaxInput)}
	for _, n := range p.named {
		f.groups = append(f.groups, re.SubexpIndex(n.field))
	}
	return f
}

func (r regexpFinder) find(line []byte, f *findings) bool {
	line = cutWord(line, r.maxInput)
	at := r.re.FindSubmatchIndex(line)
	if at == nil {
		return false
	}
	for k, g := range r.groups {
		if from, to := at[2*g], at[2*g+1]; from >= 0 {
			f.values[k] = value{text: line[from:to]}
		}
	}
	return true
}
