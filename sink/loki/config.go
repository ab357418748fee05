package loki

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/logferry/logferry/batch"
)

// A Config says where to push and how. Only URL is required; the zero of every other field is a default that suits a Loki
// with its own defaults. New copies what it needs, and its error names each field that makes no sense.
//
// A permanent failure, here and below, is that of one entry: a pipeline gives it to the route's dead letter.
type Config struct {
	// URL is Loki's root, with a path in front of the API if a gateway has one, such as "https://logs.example.com/eu",
	// or the full address of the push endpoint, which ends in /loki/api/v1/push. It has no user name, no query and no
	// fragment: there are fields for what these would say.
	URL string

	// TenantID is sent as X-Scope-OrgID; empty: none, which only a Loki without auth_enabled takes. It has at most 150
	// bytes: letters, digits and !-_.*'().
	TenantID string
	// TenantLabel names a label whose value is the tenant of an entry. It is not sent as a label. Entries without it are
	// TenantID's, and permanent failures if there is none; so are those whose value is no tenant. Empty: all entries are
	// TenantID's.
	TenantLabel string

	// BasicAuth, or else BearerToken or BearerTokenFile, authenticates every request; a header Authorization among
	// Headers does so in their place. A password or token of four bytes or more never occurs in an error, not even if the
	// other side echoes it.
	BasicAuth   BasicAuth
	BearerToken string
	// BearerTokenFile holds the token, in place of BearerToken; white space around it does not count. New reads it, and
	// fails if it cannot. It is read again before a request if it has changed, or if the credentials were refused. If it
	// can no longer be read, or is empty, what it held before is used, and Health says so. It ought to be on a local file
	// system: a Write waits for it.
	BearerTokenFile string

	// Headers are added to every request. Those the sink sets itself cannot be among them, nor those that
	// change how answers come, such as Accept-Encoding. Their values are secrets, like those of BasicAuth.
	Headers http.Header
	// UserAgent is sent as such; empty: "logferry".
	UserAgent string

	// ExternalLabels are added to every stream. An entry's own label of the same name wins.
	ExternalLabels batch.Labels
	// StreamLabels, if not nil, lists those labels of an entry that name its stream, the most important one first. The
	// others go along as attributes, which keeps the number of streams down. ExternalLabels always name the stream, and
	// do so alone if the list is empty but not nil. An entry with no label to name its stream is a permanent failure.
	//
	// Entries whose labels differ may come to one stream then. A pipeline has them share batches, as if their labels were
	// the same, and within a Write they take turns, so that none of them puts another too far behind.
	StreamLabels []string
	// MaxLabels is how many labels a stream may have beside service_name; zero: 14, one less than Loki's own default
	// (max_label_names_per_series), which leaves room for the service_name that Loki adds. What is beyond goes along as
	// attributes.
	MaxLabels int
	// DropAttrs leaves the attributes of entries out, and the labels that would go along as such: for a Loki that refuses
	// structured metadata, as it does with a schema before v13.
	DropAttrs bool

	// Times says what becomes of entries that are too old or too new.
	Times Times

	// MaxRequest bounds a request, in bytes before compression; zero: 1 MiB. A larger single entry goes alone. It cannot
	// exceed 3 MiB: Loki refuses a message of 4 MiB, and adds to every entry before it measures.
	MaxRequest int
	// MaxLine is the longest line worth sending, in bytes, 3 MiB at most; zero: 256 KiB, Loki's own default
	// (max_line_size). A longer one is a permanent failure.
	MaxLine int

	// Packed puts several streams into a request. That is for a great many streams of a few lines each, and its promise
	// is weaker: see the package documentation. A stream that several sets of labels have in
	// common, because of StreamLabels, has its requests to itself.
	Packed bool
	// EncodeJSON sends JSON, compressed with gzip, instead of protobuf, compressed with snappy: for gateways that look
	// into requests. It costs several times the CPU, and bytes that are not UTF-8 become U+FFFD, which is three bytes and
	// counts as such against every limit.
	EncodeJSON bool

	// TLSConfig is for a URL, or a ProxyURL, that begins with https://.
	TLSConfig TLSConfig
	// ProxyURL is the proxy to go through, http, https or socks5, with a user and a password if it wants them; empty:
	// none. The environment is not asked. The password is a secret, like that of BasicAuth.
	ProxyURL string
	// HTTP2 speaks HTTP/2 if the server offers it, and needs a URL that begins with https://. Its requests share a
	// connection, where HTTP/1.1 has up to 32. A goroutine that calls Write has, after each request, the profiler labels
	// of its ctx.
	HTTP2 bool

	// Timeout bounds each request from dialling to the last byte of the answer; zero: 10 s. A Write may make several
	// requests, and the time for all of them is that of its ctx.
	Timeout time.Duration
	// DialTimeout bounds all that comes before a request on a new connection: looking up the name, connecting, what a
	// proxy is asked, and every TLS handshake. Zero: 5 s, or Timeout if that is shorter. It cannot exceed Timeout.
	DialTimeout time.Duration
	// AnswerTimeout bounds the wait from the last byte of a request to the header of the answer; zero: Timeout, which it
	// cannot exceed.
	AnswerTimeout time.Duration
}

const (
	pushPath = "/loki/api/v1/push"

	defaultMaxRequest = 1 << 20
	maxMaxRequest     = 3 << 20
	defaultMaxLine    = 256 << 10
	maxMaxLine        = 3 << 20
	defaultTimeout    = 10 * time.Second
	defaultUserAgent  = "logferry"
)

func (c Config) withDefaults() Config {
	if c.MaxRequest == 0 {
		c.MaxRequest = defaultMaxRequest
	}
	if c.MaxLine == 0 {
		c.MaxLine = defaultMaxLine
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	c = c.withTimeouts()
	if c.UserAgent == "" {
		c.UserAgent = defaultUserAgent
	}
	if c.MaxLabels == 0 {
		c.MaxLabels = defaultMaxLabels
	}
	c.StreamLabels = slices.Clone(c.StreamLabels)
	c.Times = c.Times.withDefaults()
	return c
}

// validate checks c, which has its defaults, and returns the push endpoint.
func (c Config) validate() (*url.URL, error) {
	endpoint, err := c.endpoint()
	errs := []error{err}
	bad := func(field, why string, args ...any) { errs = append(errs, wrong(field, why, args...)) }
	if c.MaxRequest < 0 || c.MaxRequest > maxMaxRequest {
		bad("MaxRequest", "%d bytes: want 1 to %d", c.MaxRequest, maxMaxRequest)
	}
	if c.MaxLine < 0 || c.MaxLine > maxMaxLine {
		bad("MaxLine", "%d bytes: want 1 to %d", c.MaxLine, maxMaxLine)
	}
	if c.Timeout < 0 {
		bad("Timeout", "%v: negative", c.Timeout)
	}
	if c.BasicAuth.Username == "" && c.BasicAuth.Password != "" {
		bad("BasicAuth.Password", "given without Username")
	}
	if strings.Contains(c.BasicAuth.Username, ":") {
		bad("BasicAuth.Username", "contains a colon, which would end it")
	}
	if c.BasicAuth.Username != "" && c.BearerToken != "" {
		bad("BearerToken", "given beside BasicAuth: want one of them")
	}
	if !validHeaderValue(c.BearerToken) {
		bad("BearerToken", "contains a control character")
	}
	if !validHeaderValue(c.UserAgent) {
		bad("UserAgent", "contains a control character")
	}
	errs = append(errs, c.checkLabels(), c.Times.validate())
	errs = append(errs, c.checkHeaders()...)
	errs = append(errs, c.checkWay())
	return endpoint, errors.Join(errs...)
}

// wrong is an error about a field of Config.
func wrong(field, why string, args ...any) error {
	return fmt.Errorf("loki: Config."+field+": "+why, args...)
}

// endpoint makes the address of the push endpoint. What it refuses is not repeated in the error where it may hold a
// secret.
func (c Config) endpoint() (*url.URL, error) {
	refuse := func(why string, args ...any) (*url.URL, error) { return nil, wrong("URL", why, args...) }
	if c.URL == "" {
		return refuse("missing")
	}
	u, err := url.Parse(c.URL)
	switch {
	case err != nil:
		return refuse("not a URL")
	case u.User != nil:
		return refuse("contains a user name: use BasicAuth")
	case u.Scheme != "http" && u.Scheme != "https":
		return refuse("does not begin with http:// or https://")
	case u.Hostname() == "":
		return refuse("names no host")
	case !validPort(u.Port()):
		return refuse("port: want 1 to 65535")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return refuse("has a query or a fragment: use Headers or TenantID")
	}
	// A slash, say, may be escaped for a gateway's sake, and stays so.
	path, raw := strings.TrimRight(u.Path, "/"), strings.TrimRight(u.RawPath, "/")
	if !strings.HasSuffix(path, pushPath) {
		if strings.Contains(path, "/loki/api") || strings.Contains(path, "/api/prom") {
			return refuse("path %s: want Loki's root or %s", path, pushPath)
		}
		path, raw = path+pushPath, raw+pushPath
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host, Path: path, RawPath: raw}, nil
}

// validPort reports whether port, of a URL, can be connected to; empty: the scheme's.
func validPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return port == "" || err == nil && n > 0
}

func (c Config) checkHeaders() []error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		why := c.headerProblem(name)
		if why != "" {
			errs = append(errs, wrong("Headers", "%q: %s", name, why))
		}
	}
	return errs
}

func (c Config) headerProblem(name string) string {
	if !validHeaderName(name) {
		return "not a header name"
	}
	for _, v := range c.Headers[name] {
		if !validHeaderValue(v) {
			return "its value contains a control character"
		}
	}
	switch http.CanonicalHeaderKey(name) {
	case "Content-Type", "Content-Length", "Content-Encoding", "Transfer-Encoding", "Connection", "Host", "Trailer":
		return "set by the sink"
	case "Accept-Encoding", "Expect", "Keep-Alive", "Proxy-Connection", "Te", "Upgrade":
		return "changes how the connection is used, or how answers come"
	case "User-Agent":
		return "use UserAgent"
	case tenantHeader:
		return "use TenantID"
	case "Authorization":
		if c.BasicAuth.Username != "" || c.BearerToken != "" {
			return "given beside BasicAuth or BearerToken: want one of them"
		}
	}
	return ""
}

// validHeaderName reports whether name is a token of RFC 9110, section 5.6.2.
func validHeaderName(name string) bool {
	for i := range len(name) {
		if c := name[i]; !isAlnum(c) && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return name != ""
}

// validHeaderValue reports whether value has none of the bytes that RFC 9110, section 5.5 excludes.
func validHeaderValue(value string) bool {
	for i := range len(value) {
		if c := value[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
