package enginetest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	enginesEnv = "LOGFERRY_ENGINES"
	requireEnv = "LOGFERRY_REQUIRE"
	binPrefix  = "engine-"
)

// Need returns the versions of the engines there are, such as "20.10", in the order of LOGFERRY_ENGINES. Where it is not
// set, or the test does not run as root, the test is skipped; if the comma-separated LOGFERRY_REQUIRE contains "engine" it
// fails.
func Need(t testing.TB) []string {
	t.Helper()
	var versions []string
	for _, dir := range folders(t) {
		versions = append(versions, version(dir))
	}
	return versions
}

// binaries returns the folder of the programs of one version.
func binaries(t testing.TB, v string) string {
	t.Helper()
	for _, dir := range folders(t) {
		if version(dir) == v {
			return dir
		}
	}
	t.Fatalf("enginetest: %s has no engine %s", enginesEnv, v)
	return ""
}

func version(dir string) string { return strings.TrimPrefix(filepath.Base(dir), binPrefix) }

// folders returns what LOGFERRY_ENGINES lists, or ends the test.
func folders(t testing.TB) []string {
	t.Helper()
	missing := t.Skipf
	if slices.Contains(strings.Split(os.Getenv(requireEnv), ","), "engine") {
		missing = t.Fatalf
	}
	dirs := filepath.SplitList(os.Getenv(enginesEnv))
	if len(dirs) == 0 {
		missing("enginetest: %s is not set; .ci/run unpacks engines and sets it", enginesEnv)
	}
	for _, dir := range dirs {
		if !filepath.IsAbs(dir) || !strings.HasPrefix(filepath.Base(dir), binPrefix) {
			t.Fatalf("enginetest: %s: %s is not the absolute path of a folder named %sVERSION", enginesEnv, dir, binPrefix)
		}
		if _, err := os.Stat(filepath.Join(dir, "dockerd")); err != nil {
			t.Fatalf("enginetest: %s: %v", enginesEnv, err)
		}
	}
	if os.Geteuid() != 0 {
		missing("enginetest: not root, which an engine needs")
	}
	return dirs
}
