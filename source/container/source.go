package container

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"

	"github.com/logferry/logferry/lifecycle"
	"github.com/logferry/logferry/source"
)

// A Source follows containers. Make it with [New] and give it to a pipeline, one
// at most. Stats and Ready may be called at any time, and concurrently.
type Source struct {
	plan     *plan
	register *register
	direct   *direct // nil: all logs are read through the engine

	mu    sync.Mutex
	shown map[*view]struct{}
	first map[string]struct{} // the containers there were when a Run looked first; nil: none has
}

var _ source.Source = (*Source)(nil)

// New returns a Source for the containers cfg selects, of which it copies what
// could be changed afterwards. It connects to nothing and starts nothing. The
// error joins one for each field that is not right.
func New(cfg Config) (*Source, error) {
	p, err := prepare(cfg)
	if err != nil {
		return nil, err
	}
	s := &Source{plan: p, register: newRegister(), shown: map[*view]struct{}{}}
	if p.Direct != "" {
		if s.direct, err = newDirect(p); err != nil {
			return nil, fmt.Errorf("container: Direct: %q: %w", p.Direct, err)
		}
	}
	return s, nil
}

// Run implements source.Source. Pipelines call it. It returns nil once ctx is
// done, when every connection to the engine has closed. An engine that cannot be
// reached is no reason to fail, nor is a container that cannot be read: both are
// logged, and tried again. An error says that the engine speaks another version
// of its API than before, so that everything has to be asked anew.
func (s *Source) Run(ctx context.Context, out *source.Outlet) (err error) {
	e, err := s.plan.connect(s.plan.address)
	if err != nil {
		return err
	}
	sel := newSelector(s.plan, s.register, out.Logger())
	c := newCrew(s, out, e, sel)
	d := newDiscovery(e, c, sel, out.Logger(), out.Go)
	if err := c.begin(ctx); err != nil {
		return nil
	}
	helpers := []*lifecycle.Handle{
		out.Go("backlog", func(ctx context.Context) error { return c.catch(ctx, c.urgent) }),
		out.Go("backlog-past", func(ctx context.Context) error { return c.catch(ctx, c.past) }),
		out.Go("watchdog", c.watchdog.run),
	}
	for i := range s.plan.Pollers {
		helpers = append(helpers, out.Go(fmt.Sprintf("poll-%d", i), c.work))
	}
	if s.direct != nil {
		helpers = append(helpers, out.Go("direct", func(ctx context.Context) error { return s.direct.run(ctx, out) }))
	}
	ctx, cancel := context.WithCancel(ctx)
	defer func() {
		cancel()
		for _, h := range helpers {
			h.Stop()
			h.Wait(context.Background())
		}
		c.close()
		err = errors.Join(err, e.close(context.Background()))
	}()
	return d.run(ctx)
}

// old returns the containers that were there when the source looked first, given
// those that are there now. It is not changed.
func (s *Source) old(ids map[string]struct{}) map[string]struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.first == nil {
		s.first = maps.Clone(ids)
	}
	return s.first
}

func (s *Source) show(v *view) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shown[v] = struct{}{}
}

func (s *Source) hide(v *view) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.shown, v)
}
