package lokitest

import (
	"bytes"
	"context"
	"net/http"
)

// Push sends body to the push endpoint as it is and returns Loki's answer. The contentType is "application/json", or
// "application/x-protobuf" for a snappy-compressed protobuf. The error is about the exchange only, never about the status.
func (s *Server) Push(ctx context.Context, contentType string, body []byte) (status int, answer string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/loki/api/v1/push", bytes.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	req.Header.Set("Content-Type", contentType)
	status, b, err := s.do(req)
	return status, string(b), err
}
