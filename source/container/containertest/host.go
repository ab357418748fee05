package containertest

// ping answers whether the engine is there.
func (x *exchange) ping(version) error {
	h := x.w.Header()
	h.Set("Cache-Control", "no-cache, no-store, must-revalidate")
	h.Set("Pragma", "no-cache")
	h.Set("Builder-Version", "2")
	h.Set("Content-Type", "text/plain; charset=utf-8")
	return x.frame([]byte("OK"))
}

// version answers which engine it is.
func (x *exchange) version(version) error {
	gen := x.engine.config.Generation
	return x.json(struct {
		Version, ApiVersion, MinAPIVersion, Os, Arch string
	}{gen.release(), gen.newest().String(), gen.oldest().String(), "linux", "amd64"})
}

// info answers how the engine is.
func (x *exchange) info(version) error {
	e := x.engine
	var n struct {
		ID, Name, ServerVersion, Driver, LoggingDriver, OperatingSystem, OSType, Architecture string

		Containers, ContainersRunning, ContainersPaused, ContainersStopped int
	}
	n.ID, n.Name, n.ServerVersion, n.Driver = "containertest", "containertest", e.config.Generation.release(), "overlay2"
	n.LoggingDriver, n.OperatingSystem, n.OSType, n.Architecture = "json-file", "containertest", "linux", "x86_64"
	e.mu.Lock()
	for _, c := range e.order {
		switch c.state {
		case running:
			n.ContainersRunning++
		case paused:
			n.ContainersPaused++
		default:
			n.ContainersStopped++
		}
		n.Containers++
	}
	e.mu.Unlock()
	return x.json(n)
}
