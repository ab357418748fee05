package lokitest

import (
	"strings"
	"testing"
	"time"
)

func TestTenantsHaveLimitsOfTheirOwn(t *testing.T) {
	s := Start(t, Tenants(map[string]string{"tiny": "max_line_size: 10B"}))
	for id, want := range map[string]string{"": "no org id", "tiny": "max entry size '10' bytes exceeded", "other": ""} {
		_, answer := tryPush(t, s.As(id), "shop", Entry{Time: time.Now(), Line: "eleven byte"})
		if !strings.HasPrefix(answer, want) || (want == "") != (answer == "") {
			t.Errorf("tenant %q: %q, want %q", id, answer, want)
		}
	}
	if got := query(t, s.As("other")); len(got) != 1 {
		t.Errorf("the other tenant has %v", got)
	}
	if got := query(t, s.As("tiny")); len(got) != 0 {
		t.Errorf("the refused tenant has %v", got)
	}
}
