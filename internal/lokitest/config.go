package lokitest

import (
	"fmt"
	"strings"
)

// configFormat is Loki in one process on a local directory. Where it departs from Loki's defaults:
//   - queriers are handed their work by the query frontend itself, and look it up at once: through the scheduler the
//     first query takes 4 s, and with the usual DNS period /ready takes 10 s;
//   - a page that is too large to answer fails after one try, not after 20 s of retries;
//   - the ingester, which is where everything a test has just pushed still is, is asked for entries of any age. With the
//     local directory it otherwise is for those of 2 h 41 min only, whatever query_ingesters_within says, and older ones
//     are not found before they are flushed;
//   - the rings live in memory and nothing listens outside the loopback interface.
//
// Every limit that a push or a query can hit is left as Loki ships it.
const configFormat = `auth_enabled: false
analytics: {reporting_enabled: false}
server:
  http_listen_address: 127.0.0.1
  http_listen_port: %[2]d
  grpc_listen_address: 127.0.0.1
  grpc_listen_port: %[3]d
  log_level: warn
common:
  instance_addr: 127.0.0.1
  path_prefix: %[1]q
  replication_factor: 1
  storage:
    filesystem: {chunks_directory: %[4]q, rules_directory: %[5]q}
  ring: {instance_addr: 127.0.0.1, kvstore: {store: inmemory}}
ingester:
  lifecycler: {min_ready_duration: 0s, join_after: 0s, final_sleep: 0s}
  query_store_max_look_back_period: -1ns
schema_config:
  configs: [{from: "2024-01-01", store: tsdb, object_store: filesystem, schema: v13, index: {prefix: index_, period: 24h}}]
frontend_worker: {frontend_address: "127.0.0.1:%[3]d", dns_lookup_duration: 200ms}
query_range: {max_retries: 1}
`

// config returns the configuration file of a Loki that keeps everything under dir. limits are lines of YAML for its
// limits_config section.
func config(dir string, ports ports, limits []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, configFormat, dir, ports.http, ports.grpc, dir+"/chunks", dir+"/rules")
	if len(limits) > 0 {
		b.WriteString("limits_config:\n")
	}
	for _, block := range limits {
		for line := range strings.Lines(strings.TrimRight(block, "\n")) {
			b.WriteString("  " + strings.TrimRight(line, "\n") + "\n")
		}
	}
	return b.String()
}
