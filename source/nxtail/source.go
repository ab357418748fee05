package nxtail

import (
	"context"

	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/source"
)

// A Source follows files with nxadm/tail. Make it with [New] and give it to a
// pipeline, one at most.
type Source struct {
	cfg Config
	// begun is whether there was a Run: files that are found in another are new.
	begun bool
}

var _ source.Source = (*Source)(nil)

// New returns a Source for the files cfg names. It opens and starts nothing. The
// error joins one for each field that is not right; on every system but Linux it
// is errors.ErrUnsupported, for the reason the package documentation gives.
func New(cfg Config) (*Source, error) {
	cfg, err := prepare(cfg, pollInterval())
	if err != nil {
		return nil, err
	}
	return &Source{cfg: cfg}, nil
}

// Run implements source.Source. Pipelines call it. Each path has two helpers, one
// that finds files and one that reads them. Run returns nil once ctx is done and
// the goroutines of nxadm/tail have ended, half a second later. A file that cannot
// be read is no reason to fail: it is logged, and tried again.
func (s *Source) Run(ctx context.Context, out *source.Outlet) error {
	var helpers []*lifecycle.Handle
	skip := s.cfg.From == End && !s.begun
	s.begun = true
	for _, path := range s.cfg.Paths {
		d := &finder{path: path, out: out, skip: skip, found: make(chan *file, maxFound)}
		f := &follower{cfg: &s.cfg, path: path, out: out, found: d.found}
		helpers = append(helpers, out.Go("find"+path, d.run), out.Go("read"+path, f.run))
		defer d.left()
	}
	for _, h := range helpers {
		h.Wait(context.Background()) // without a bound: Run has not ended before they have
	}
	return nil
}
