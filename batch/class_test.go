package batch

import "testing"

func TestClass(t *testing.T) {
	for c, want := range map[Class]string{
		Delivered: "delivered", Throttled: "throttled", TooLarge: "too large", Failed: "failed", Inconclusive: "inconclusive", 9: "Class(9)",
	} {
		if got := c.String(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
