package loki

import (
	"encoding/base64"
	"encoding/json"
	"html"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// minSecret is the length below which a string is no secret but may well be a word of an answer.
const minSecret = 4

// A redactor removes secrets from a text.
type redactor struct {
	all     *strings.Replacer
	longest int // bytes of the longest form of a secret
}

// redactor returns that of every secret of c, and the former ones in place of c's own.
func (c Config) redactor(former []string) redactor {
	var secrets []string
	auth := c.BasicAuth
	for _, password := range append([]string{auth.Password}, former...) {
		secrets = append(secrets, password)
		if auth.Username != "" {
			secrets = append(secrets, basic(auth.Username, password))
		}
	}
	secrets = append(secrets, c.BearerToken)
	for _, values := range c.Headers {
		for _, v := range values {
			secrets = append(secrets, v)
			// Such as "Bearer" and a token.
			if _, credential, ok := strings.Cut(v, " "); ok {
				secrets = append(secrets, credential)
			}
		}
	}
	if proxy, err := url.Parse(c.ProxyURL); err == nil && proxy.User != nil {
		password, _ := proxy.User.Password()
		secrets = append(secrets, password, basic(proxy.User.Username(), password))
	}
	return newRedactor(secrets)
}

// newRedactor returns what replaces secrets, in the forms in which an answer or an error may repeat them.
func newRedactor(secrets []string) redactor {
	var forms []string
	for _, s := range secrets {
		if len(s) < minSecret {
			continue
		}
		quoted := strconv.Quote(s)
		forms = append(forms, s, quoted[1:len(quoted)-1], url.QueryEscape(s), url.PathEscape(s), url.UserPassword("", s).String()[1:],
			base64.StdEncoding.EncodeToString([]byte(s)), base64.RawStdEncoding.EncodeToString([]byte(s)),
			base64.URLEncoding.EncodeToString([]byte(s)), base64.RawURLEncoding.EncodeToString([]byte(s)))
		forms = append(forms, markup(s)...)
	}
	// Of two that begin alike the longer one comes first: replacing the other would leave the rest of it.
	slices.SortStableFunc(forms, func(a, b string) int { return len(b) - len(a) })
	var pairs []string
	r := redactor{}
	for _, form := range slices.Compact(forms) {
		pairs = append(pairs, form, "***")
		r.longest = max(r.longest, len(form))
	}
	r.all = strings.NewReplacer(pairs...)
	return r
}

// markup returns s as web pages and JSON have it: of the quotation marks in HTML there are several ways to write.
func markup(s string) []string {
	page := html.EscapeString(s)
	forms := []string{page, strings.NewReplacer("&#34;", "&quot;", "&#39;", "&#x27;").Replace(page),
		strings.NewReplacer("&#34;", "&quot;", "&#39;", "&#039;").Replace(page)}
	// A string can always be marshalled.
	text, _ := json.Marshal(s)
	return append(forms, string(text[1:len(text)-1]))
}
