package loki

import (
	"net/http"
	"sync"
)

// tenants are the headers of requests for other tenants than Config.TenantID.
type tenants struct {
	mu      sync.Mutex
	base    *http.Header // what they were made of
	headers map[string]http.Header
}

// header returns base with the header field for a tenant. Neither is changed afterwards.
func (t *tenants) header(base *http.Header, tenant string) http.Header {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.base != base || len(t.headers) >= maxMappings {
		t.base, t.headers = base, make(map[string]http.Header)
	}
	h := t.headers[tenant]
	if h == nil {
		h = base.Clone()
		h.Set(tenantHeader, tenant)
		t.headers[tenant] = h
	}
	return h
}

// headerFor returns the header of requests for a tenant. It is not changed afterwards.
func (s *Sink) headerFor(tenant string) http.Header {
	base := &s.credentials.current.Load().header
	if tenant == s.cfg.TenantID {
		return *base
	}
	return s.tenants.header(base, tenant)
}
