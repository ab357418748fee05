package lokitest

import (
	"testing"

	"github.com/klauspost/compress/s2"

	protopush "github.com/grafana/loki/pkg/push"
)

// pushProto sends streams as Loki's own types encode them.
func pushProto(t *testing.T, s *Server, streams ...protopush.Stream) (status int, answer string) {
	t.Helper()
	msg, err := (&protopush.PushRequest{Streams: streams}).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	status, answer, err = s.Push(t.Context(), "application/x-protobuf", s2.EncodeSnappy(nil, msg))
	if err != nil {
		t.Fatal(err)
	}
	return status, answer
}
