package containertest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
)

// A state is one of a container's life.
type state string

const (
	created state = "created"
	running state = "running"
	paused  state = "paused"
	exited  state = "exited"
	removed state = "removed"
)

// A Container is one of an Engine's. Its methods are what its program does, as
// Write and Exit, and what a user of the engine asks for, as Stop and Remove. They
// may be called concurrently, also after it was removed, when all that change it
// fail. Whatever happens to it is told by the events that a real engine sends, in
// the same order.
type Container struct {
	engine *Engine
	id     string
	spec   Spec // but for its name

	// The engine's lock guards the rest.
	name    string
	state   state
	code    int
	created time.Time
	started time.Time
	ended   time.Time
	log     *logfile
	copiers [2]copier
	follows follows
}

// Create makes a container, which is not started yet. It panics if there is one
// of that name, which is a mistake in the test, and if the engine is down.
func (e *Engine) Create(s Spec) *Container {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.made++
	s = s.withDefaults(e.made)
	s.Labels = maps.Clone(s.Labels)
	if e.byName[s.Name] != nil || e.down {
		panic(fmt.Sprintf("containertest: no container %q can be made: there is one, or the engine is down", s.Name))
	}
	sum := sha256.Sum256([]byte("container " + strconv.Itoa(e.made)))
	c := &Container{engine: e, id: hex.EncodeToString(sum[:]), spec: s, name: s.Name, state: created, created: e.now()}
	c.log = newLogfile(driver{e.config.Generation, s.Driver, e.config.Zone}, s)
	e.byID[c.id], e.byName[c.name] = c, c
	e.order = append(e.order, c)
	c.emit("create", nil)
	return c
}

// ID returns the container's id: 64 hexadecimal digits.
func (c *Container) ID() string { return c.id }

// Name returns the name it has now, without a slash.
func (c *Container) Name() string {
	c.engine.mu.Lock()
	defer c.engine.mu.Unlock()
	return c.name
}

// do changes the container, if it is in one of the states.
func (c *Container) do(what string, change func(), states ...state) error {
	c.engine.mu.Lock()
	defer c.engine.mu.Unlock()
	if c.engine.down {
		return fmt.Errorf("containertest: %s of %s: %w", what, c.name, ErrDown)
	}
	return c.try(what, change, states...)
}

func (c *Container) try(what string, change func(), states ...state) error {
	for _, s := range states {
		if s == c.state {
			change()
			return nil
		}
	}
	return fmt.Errorf("containertest: %s of %s, which is %s", what, c.name, c.state)
}

// Start starts a container that is not running, again if it has ended.
func (c *Container) Start() error {
	return c.do("start", c.start, created, exited)
}

func (c *Container) start() {
	c.state, c.started, c.code = running, c.engine.now(), 0
	c.log.open = true
	c.copiers = [2]copier{{out: Stdout}, {out: Stderr}}
	c.emit("start", nil)
}

// Write is what the container's program does: p need not be whole lines, and is
// not kept. It is logged at the engine's time, once a newline or 16 KiB of a line
// are there. It fails if the container is not running. While the engine is down
// what is written waits, and is logged when it is up again.
func (c *Container) Write(out Output, p []byte) error {
	e := c.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.down {
		p = bytes.Clone(p)
		e.later = append(e.later, func() { c.write(out, p) })
		return nil
	}
	return c.try("write", func() { c.write(out, p) }, running)
}

// Print writes text to the standard output as Write does, with a newline.
func (c *Container) Print(text string) error { return c.Write(Stdout, []byte(text+"\n")) }

func (c *Container) write(out Output, p []byte) {
	if c.state != running {
		return
	}
	if c.spec.Tty {
		out, p = Stdout, bytes.ReplaceAll(p, []byte("\n"), []byte("\r\n"))
	}
	c.copiers[out-1].write(p, c.engine.stamp, c.log.log)
}

// Exit is what the container's program does: it ends. What it has written of a
// last line is logged without its newline. While the engine is down that is
// noticed when it is up again.
func (c *Container) Exit(code int) error {
	e := c.engine
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.down {
		e.later = append(e.later, func() { c.try("exit", func() { c.exit(code) }, running, paused) })
		return nil
	}
	return c.try("exit", func() { c.exit(code) }, running, paused)
}

func (c *Container) exit(code int) {
	c.die(code)
	if c.spec.AutoRemove {
		c.destroy()
	}
}

func (c *Container) die(code int) {
	for i := range c.copiers {
		c.copiers[i].end(c.engine.stamp, c.log.log)
	}
	c.log.close()
	c.state, c.code, c.ended = exited, code, c.engine.now()
	attributes := map[string]string{"exitCode": strconv.Itoa(code)}
	if c.log.driver.gen != Gen20 {
		attributes["execDuration"] = strconv.Itoa(int(c.ended.Sub(c.started).Seconds()))
	}
	c.emit("die", attributes)
}

// Stop asks the program to end, which it does at once.
func (c *Container) Stop() error {
	return c.do("stop", func() { c.stop(); c.autoRemove() }, running, paused)
}

// stop ends the program. Since 23.0 an engine tells of it before it tells that the
// container has died.
func (c *Container) stop() {
	c.emit("kill", map[string]string{"signal": "15"})
	if c.log.driver.gen == Gen20 {
		c.die(143)
		c.emit("stop", nil)
	} else {
		c.emit("stop", nil)
		c.die(143)
	}
}

// Kill ends the program.
func (c *Container) Kill() error {
	return c.do("kill", func() { c.kill(); c.autoRemove() }, running, paused)
}

func (c *Container) kill() {
	c.emit("kill", map[string]string{"signal": "9"})
	c.die(137)
}

func (c *Container) autoRemove() {
	if c.spec.AutoRemove {
		c.destroy()
	}
}

// Restart stops the program, if it is running, and starts it again.
func (c *Container) Restart() error {
	return c.do("restart", func() {
		if c.state != exited && c.state != created {
			c.stop()
		}
		c.start()
		c.emit("restart", nil)
	}, created, running, paused, exited)
}

// Pause stops its time: it writes nothing until Unpause. What follows its log stays
// open.
func (c *Container) Pause() error {
	return c.do("pause", func() { c.state = paused; c.emit("pause", nil) }, running)
}

// Unpause ends Pause.
func (c *Container) Unpause() error {
	return c.do("unpause", func() { c.state = running; c.emit("unpause", nil) }, paused)
}

// Rename gives it another name. It fails if there is a container of that name.
func (c *Container) Rename(name string) error {
	var taken error
	err := c.do("rename", func() {
		e := c.engine
		if e.byName[name] != nil {
			taken = fmt.Errorf("containertest: rename of %s: there is a container %s", c.name, name)
			return
		}
		old := c.name
		delete(e.byName, old)
		c.name, e.byName[name] = name, c
		c.emit("rename", map[string]string{"oldName": "/" + old})
	}, created, running, paused, exited)
	if err == nil {
		err = taken
	}
	return err
}

// Remove removes the container and its log, and ends its program before if it is
// running.
func (c *Container) Remove() error {
	return c.do("remove", func() {
		if c.state == running || c.state == paused {
			c.kill()
		}
		c.destroy()
	}, created, running, paused, exited)
}

func (c *Container) destroy() {
	e := c.engine
	c.state = removed
	delete(e.byID, c.id)
	delete(e.byName, c.name)
	at := slices.Index(e.order, c)
	e.order = slices.Delete(e.order, at, at+1)
	c.emit("destroy", nil)
	c.log = newLogfile(c.log.driver, Spec{})
}

// emit sends an event about the container.
func (c *Container) emit(action string, more map[string]string) {
	attributes := map[string]string{}
	maps.Copy(attributes, c.spec.Labels)
	maps.Copy(attributes, more)
	attributes["image"], attributes["name"] = c.spec.Image, c.name
	c.engine.events.publish(Event{Type: "container", Action: action, ID: c.id, Attributes: attributes,
		Time: c.engine.now()})
}
