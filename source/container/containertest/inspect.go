package containertest

import (
	"maps"
	"time"
)

// A detail is a container as inspecting shows it: of what a real engine answers,
// what is said about a container as such.
type detail struct {
	ID           string `json:"Id"`
	Created      string
	Path         string
	Args         []string
	State        condition
	Image        string
	LogPath      string
	Name         string
	RestartCount int
	Driver       string
	Platform     string
	HostConfig   hostConfig
	Config       ownConfig
}

type condition struct {
	Status                                       string
	Running, Paused, Restarting, OOMKilled, Dead bool
	Pid, ExitCode                                int
	Error, StartedAt, FinishedAt                 string
}

type hostConfig struct {
	NetworkMode string
	AutoRemove  bool
	LogConfig   logConfig
}

type logConfig struct {
	Type   string
	Config map[string]string
}

type ownConfig struct {
	Hostname string
	Tty      bool
	Image    string
	Labels   map[string]string
}

// inspect answers how a container is.
func (x *exchange) inspect(version) error {
	c, err := x.found()
	if err != nil {
		return err
	}
	return x.json(c.detail())
}

func (c *Container) detail() detail {
	c.engine.mu.Lock()
	defer c.engine.mu.Unlock()
	labels := map[string]string{}
	maps.Copy(labels, c.spec.Labels)
	d := detail{ID: c.id, Created: c.created.Format(time.RFC3339Nano), Path: "/program", Args: []string{}, State: c.condition(),
		Image: c.imageID(), Name: "/" + c.name, Driver: "overlay2", Platform: "linux",
		HostConfig: hostConfig{NetworkMode: "none", AutoRemove: c.spec.AutoRemove, LogConfig: logConfig{c.spec.Driver, c.spec.options()}},
		Config:     ownConfig{Hostname: c.id[:12], Tty: c.spec.Tty, Image: c.spec.Image, Labels: labels}}
	if c.spec.Driver == "json-file" {
		d.LogPath = "/var/lib/docker/containers/" + c.id + "/" + c.id + "-json.log"
	}
	return d
}

func (c *Container) condition() condition {
	s := condition{Status: string(c.state), Running: c.state == running || c.state == paused, Paused: c.state == paused,
		ExitCode: c.code, StartedAt: c.started.Format(time.RFC3339Nano), FinishedAt: c.ended.Format(time.RFC3339Nano)}
	if s.Running {
		s.Pid = 4242
	}
	return s
}
