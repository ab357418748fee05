package lokitest

import (
	"os"
	"path/filepath"
	"strings"
)

const (
	tenantHeader = "X-Scope-OrgID"
	tenantsName  = "tenants.yaml"
)

// Tenants has Loki want a tenant with every request. limits says which limits a tenant has that differ from the others',
// in YAML as [Limits] takes it; a tenant that is not in it may be used all the same.
func Tenants(limits map[string]string) Option {
	return func(s *Server) {
		var b strings.Builder
		b.WriteString("overrides:\n")
		for id, yaml := range limits {
			b.WriteString("  " + id + ":\n")
			for line := range strings.Lines(yaml) {
				b.WriteString("    " + strings.TrimRight(line, "\n") + "\n")
			}
		}
		path := filepath.Join(s.dir, tenantsName)
		if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
			s.t.Fatal(err)
		}
		s.flags = append(s.flags, "-auth.enabled=true", "-runtime-config.file="+path)
	}
}

// As returns a Server for Push and Query alone, which are those of the tenant id.
func (s *Server) As(id string) *Server {
	return &Server{URL: s.URL, t: s.t, client: s.client, tenant: id}
}
