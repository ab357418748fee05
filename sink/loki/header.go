package loki

import (
	"encoding/base64"
	"net/http"
)

const tenantHeader = "X-Scope-Orgid" // X-Scope-OrgID, canonicalized

// header makes the header that all requests share, but for credentials. It is never changed afterwards.
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
	return h
}

// authorize returns base with the credentials.
func (c Config) authorize(base http.Header) http.Header {
	h := base.Clone()
	switch {
	case c.BasicAuth.Username != "":
		h.Set("Authorization", "Basic "+basic(c.BasicAuth.Username, c.BasicAuth.Password))
	case c.BearerToken != "":
		h.Set("Authorization", "Bearer "+c.BearerToken)
	}
	return h
}

// basic is what RFC 7617 makes of a user name and a password.
func basic(user, password string) string {
	return base64.StdEncoding.EncodeToString([]byte(user + ":" + password))
}
