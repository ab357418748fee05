package containertest

import "time"

// An Action is what a Fault does. The functions that return one are all there
// are.
type Action struct {
	kind   kind
	wait   time.Duration
	bytes  []byte
	status int
	count  int
	err    error
}

type kind int

const (
	cut kind = iota + 1
	end
	stall
	silence
	insert
	corrupt
	status
	fail
	omit
	twice
	late
)

// Cut closes the connection, as a crash of the engine does.
func Cut() Action { return Action{kind: cut} }

// End ends the response in order, as if there were no more of it. Of a list that
// leaves JSON which is cut off, and of a stream a part of a frame.
func End() Action { return Action{kind: end} }

// Stall sends nothing for a while, and goes on then.
func Stall(d time.Duration) Action { return Action{kind: stall, wait: d} }

// Silence never sends anything more, and does not close the connection either, as
// where the other end of it is not there any more.
func Silence() Action { return Action{kind: silence} }

// Insert sends bytes that do not belong there.
func Insert(b ...byte) Action { return Action{kind: insert, bytes: b} }

// Corrupt sends these bytes in place of as many of the frame at which the fault
// stands, up to its end. After 4 bytes, four of 0xff make a header announce
// 4 GiB.
func Corrupt(b ...byte) Action { return Action{kind: corrupt, bytes: b} }

// Status answers with an error: an HTTP status, and a message as JSON. It stands
// before the headers, wherever the fault stands.
func Status(code int, message string) Action {
	return Action{kind: status, status: code, bytes: []byte(message)}
}

// Fail lets Dial return err. It is for the endpoint Dial alone, where Stall and
// Silence work as well.
func Fail(err error) Action { return Action{kind: fail, err: err} }

// Omit leaves something out: a container of a list, an event of the stream.
func Omit() Action { return Action{kind: omit} }

// Twice sends something two times: a container of a list, an event of the stream.
func Twice() Action { return Action{kind: twice} }

// Late sends an event after the n events that follow it in the stream.
func Late(n int) Action { return Action{kind: late, count: n} }

// single reports whether it befalls one container or event of a response, and not
// the response.
func (k kind) single() bool { return k == omit || k == twice || k == late }
