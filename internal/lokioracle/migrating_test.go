package main

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	lokiclient "github.com/grafana/loki-client-go/loki"
	promconfig "github.com/prometheus/common/config"
)

// TestMigratingNamesEveryKey: whoever has a configuration of loki-client-go finds every key of it in the table.
func TestMigratingNamesEveryKey(t *testing.T) {
	text, err := os.ReadFile("../../sink/loki/MIGRATING.md")
	if err != nil {
		t.Fatal(err)
	}
	keys := keysOf(reflect.TypeFor[lokiclient.Config](), nil)
	for _, key := range keys {
		if !regexp.MustCompile("`" + key + "`").Match(text) {
			t.Errorf("MIGRATING.md does not mention %s", key)
		}
	}
	t.Log(keys)
	if len(keys) < 20 {
		t.Error("these are not all")
	}
}

// keysOf appends the YAML keys of a struct, and of the structs in it, to keys.
func keysOf(of reflect.Type, keys []string) []string {
	for _, f := range reflect.VisibleFields(of) {
		if !f.IsExported() || f.Anonymous || len(f.Index) > 1 {
			continue
		}
		key, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if key == "" {
			key = strings.ToLower(f.Name)
		}
		if options != "inline" {
			keys = append(keys, key)
		}
		inner := f.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		// OAuth2 has no counterpart, and the others are values of one key.
		whole := inner == reflect.TypeFor[promconfig.OAuth2]() || strings.HasSuffix(inner.PkgPath(), "util")
		if inner.Kind() == reflect.Struct && !whole && inner != reflect.TypeFor[promconfig.URL]() {
			keys = keysOf(inner, keys)
		}
	}
	return keys
}
