package loki

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
)

// BasicAuth is a user name and its password, as RFC 7617 sends them. The zero BasicAuth sends none.
type BasicAuth struct {
	Username string
	Password string
	// PasswordFile holds the password, in place of Password, as [Config.BearerTokenFile] holds a token.
	PasswordFile string
}

// checkCredentials checks which fields there are beside which.
func (c Config) checkCredentials() []error {
	var errs []error
	bad := func(field, why string) { errs = append(errs, wrong(field, why)) }
	auth := c.BasicAuth
	if auth.Username == "" && auth.PasswordFile != "" {
		bad("BasicAuth.PasswordFile", "given without Username")
	}
	if auth.Password != "" && auth.PasswordFile != "" {
		bad("BasicAuth.PasswordFile", "given beside Password: want one of them")
	}
	if c.BearerTokenFile == "" {
		return errs
	}
	if c.BearerToken != "" {
		bad("BearerTokenFile", "given beside BearerToken: want one of them")
	}
	if auth.Username != "" {
		bad("BearerTokenFile", "given beside BasicAuth: want one of them")
	}
	for name := range c.Headers {
		if http.CanonicalHeaderKey(name) == "Authorization" {
			bad("BearerTokenFile", "given beside an Authorization among Headers: want one of them")
		}
	}
	return errs
}

// credentials are what requests authenticate with. What comes from a file is read again when it has changed, before the
// next request. There is no watching and no goroutine: a request is what the secret is for.
type credentials struct {
	cfg     Config      // without secrets from files
	base    http.Header // without Authorization
	file    *file       // nil: there is none
	current atomic.Pointer[keys]
	// checking is held by who looks at the file. The others do not wait, and use what there is.
	checking sync.Mutex
	suspect  atomic.Bool // they were refused: the file is read whatever its time says
	problem  atomic.Pointer[error]
}

// keys are what goes out with a request, and what must not come out in an error. They are never changed.
type keys struct {
	header http.Header
	redact redactor
	secret string   // from the file
	former []string // the ones before it, latest first: requests under way may still have them
}

// maxFormer is how many former secrets are kept out of errors.
const maxFormer = 3

// open reads the file. It is called once, before any request.
func (c *credentials) open(cfg Config, base http.Header) error {
	c.cfg, c.base = cfg, base
	c.file = newFile("BearerTokenFile", cfg.BearerTokenFile)
	if cfg.BasicAuth.PasswordFile != "" {
		c.file = newFile("BasicAuth.PasswordFile", cfg.BasicAuth.PasswordFile)
	}
	if c.file == nil {
		c.use("")
		return nil
	}
	return c.read(true)
}

// refresh looks whether the file has changed. It is called before every request. If that fails, the secret stays
// as it was, and err says so.
func (c *credentials) refresh() {
	if c.file == nil || !c.checking.TryLock() {
		return
	}
	defer c.checking.Unlock()
	force := c.suspect.Swap(false)
	if err := c.read(force); err != nil {
		c.problem.Store(&err)
	}
}

// read takes the secret out of the file if it may have changed. It clears the problem if there is none any more.
func (c *credentials) read(force bool) error {
	read, err := c.file.load(force)
	if err != nil || !read {
		return err
	}
	secret := strings.TrimSpace(string(c.file.data))
	switch {
	case secret == "":
		return c.file.errorf("%s: empty", c.file.path)
	case !validHeaderValue(secret):
		return c.file.errorf("%s: contains a control character", c.file.path)
	}
	if now := c.current.Load(); now == nil || now.secret != secret {
		c.use(secret)
	}
	c.problem.Store(nil)
	return nil
}

// use makes the keys with the file's secret.
func (c *credentials) use(secret string) {
	cfg := c.cfg
	if cfg.BearerTokenFile != "" {
		cfg.BearerToken = secret
	} else if cfg.BasicAuth.PasswordFile != "" {
		cfg.BasicAuth.Password = secret
	}
	k := &keys{secret: secret}
	if last := c.current.Load(); last != nil {
		k.former = append([]string{last.secret}, last.former...)
		k.former = k.former[:min(len(k.former), maxFormer)]
	}
	k.header = cfg.authorize(c.base)
	k.redact = cfg.redactor(k.former)
	c.current.Store(k)
}

// redacted returns text without secrets.
func (c *credentials) redacted(text string) string { return c.current.Load().redact.all.Replace(text) }

// withoutSecrets is redacted for a text of which the rest may have been cut off, in the middle of a secret.
func (c *credentials) withoutSecrets(text string, cut bool) string {
	r := c.current.Load().redact
	text = r.all.Replace(text)
	if cut {
		text = text[:max(len(text)-r.longest, 0)]
	}
	return text
}

// answered notes a status which may say that the credentials were not taken.
func (c *credentials) answered(status int) {
	if refusesCredentials(status) {
		c.suspect.Store(true)
	}
}

func refusesCredentials(status int) bool {
	return status == http.StatusUnauthorized || status == http.StatusForbidden
}

// err returns what is wrong with the file; nil: nothing, or there is none.
func (c *credentials) err() error {
	if p := c.problem.Load(); p != nil {
		return fmt.Errorf("%w (what was last read from it is used)", *p)
	}
	return nil
}
