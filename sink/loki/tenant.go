package loki

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
)

// tenant returns the tenant of an entry whose tenantLabel has the given value, which may be empty.
func (r *labelRule) tenant(value string) (string, error) {
	if r.tenantLabel == "" || value == "" && r.tenantID != "" {
		return r.tenantID, nil
	}
	if value == "" {
		return "", fmt.Errorf("loki: no tenant: there is neither a label %s nor a Config.TenantID", r.tenantLabel)
	}
	if why := tenantProblem(value); why != "" {
		return "", fmt.Errorf("loki: tenant %.60q of label %s: %s", value, r.tenantLabel, why)
	}
	return value, nil
}

// maxTenant is the length of the longest tenant.
const maxTenant = 150

// tenantProblem returns why Loki would refuse the tenant id, which is not empty: ValidTenantID of
// github.com/grafana/dskit/tenant.
func tenantProblem(id string) string {
	if len(id) > maxTenant {
		return fmt.Sprintf("%d bytes, limit %d", len(id), maxTenant)
	}
	if id == "." || id == ".." {
		return "not allowed"
	}
	for i := range len(id) {
		if c := id[i]; !isAlnum(c) && !strings.ContainsRune("!-_.*'()", rune(c)) {
			return fmt.Sprintf("contains %q: want letters, digits and !-_.*'()", c)
		}
	}
	return ""
}

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
