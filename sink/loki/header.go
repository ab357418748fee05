package loki

import (
	"encoding/base64"
	"net/http"
	"strings"
)

const tenantHeader = "X-Scope-Orgid" // X-Scope-OrgID, canonicalized

// header makes the header that all requests share. It is never changed afterwards.
func (c Config) header(format codec) http.Header {
	h := http.Header{}
	for name, values := range c.Headers {
		for _, v := range values {
			h.Add(name, v)
		}
	}
	h.Set("Content-Type", format.contentType())
	if encoding := format.contentEncoding(); encoding != "" {
		h.Set("Content-Encoding", encoding)
	}
	h.Set("User-Agent", c.UserAgent)
	if c.TenantID != "" {
		h.Set(tenantHeader, c.TenantID)
	}
	switch {
	case c.BasicAuth.Username != "":
		h.Set("Authorization", "Basic "+c.basic())
	case c.BearerToken != "":
		h.Set("Authorization", "Bearer "+c.BearerToken)
	}
	return h
}

func (c Config) basic() string {
	return base64.StdEncoding.EncodeToString([]byte(c.BasicAuth.Username + ":" + c.BasicAuth.Password))
}

// minSecret is the length below which a string is no secret but may well be a word of an answer.
const minSecret = 4

// redactor returns what removes every secret of c from a text.
func (c Config) redactor() *strings.Replacer {
	secrets := []string{c.BasicAuth.Password, c.BearerToken}
	if c.BasicAuth.Username != "" {
		secrets = append(secrets, c.basic())
	}
	for _, values := range c.Headers {
		secrets = append(secrets, values...)
	}
	var pairs []string
	for _, s := range secrets {
		if len(s) >= minSecret {
			pairs = append(pairs, s, "***")
		}
	}
	return strings.NewReplacer(pairs...)
}
