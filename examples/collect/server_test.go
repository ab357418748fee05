package main

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"
)

const serverEnv = "LOGFERRY_TEST_LOKI"

// A tally is a stand-in for Loki, in a process of its own, that counts numbered
// lines.
type tally struct {
	delay time.Duration

	mu    sync.Mutex
	cond  sync.Cond
	seen  []uint16
	conns map[net.Conn]bool // of clients that push
	fault string
}

// A report is what the tally says on request.
type report struct {
	Distinct, Total, Beyond int
	Fault                   string
}

// serveLoki runs until its standard input ends: it does not outlive its parent.
func serveLoki() {
	delay, _ := time.ParseDuration(os.Getenv(serverEnv))
	t := &tally{delay: delay, conns: map[net.Conn]bool{}}
	t.cond.L = &t.mu
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	fmt.Println(l.Addr())
	srv := &http.Server{Handler: t, ConnState: t.connState}
	go srv.Serve(l)
	io.Copy(io.Discard, os.Stdin)
	srv.Close()
}

func (t *tally) connState(c net.Conn, s http.ConnState) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch s {
	case http.StateNew:
		t.conns[c] = true
	case http.StateClosed, http.StateHijacked:
		delete(t.conns, c)
		t.cond.Broadcast()
	}
}

func (t *tally) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/report" {
		t.report(w, r)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client was killed: it cannot have been acknowledged
	}
	if body, err = s2.Decode(nil, body); err == nil {
		err = t.count(body)
	}
	if err != nil {
		t.mu.Lock()
		t.fault = err.Error()
		t.mu.Unlock()
	}
	time.Sleep(t.delay) // a slow server: there must be time to kill its clients
	w.WriteHeader(http.StatusNoContent)
}

// report answers once no pushing client is connected, so that nothing is on its
// way any more.
func (t *tally) report(w http.ResponseWriter, r *http.Request) {
	from, _ := strconv.Atoi(r.URL.Query().Get("from"))
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.conns) > 1 {
		t.cond.Wait()
	}
	rep := report{Fault: t.fault}
	for n, k := range t.seen {
		if k > 0 {
			rep.Distinct++
			rep.Total += int(k)
			if n >= from {
				rep.Beyond++
			}
		}
	}
	json.NewEncoder(w).Encode(rep)
}

// count walks PushRequest.streams(1).entries(2).line(2).
func (t *tally) count(request []byte) error {
	return fields(request, 1, func(stream []byte) error {
		return fields(stream, 2, func(entry []byte) error {
			return fields(entry, 2, t.line)
		})
	})
}

func (t *tally) line(line []byte) error {
	num, _, _ := strings.Cut(string(line), " ")
	n, err := strconv.Atoi(num)
	if err != nil {
		return fmt.Errorf("not a numbered line: %.60q", line)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.seen) <= n {
		t.seen = append(t.seen, make([]uint16, 1+len(t.seen))...)
	}
	t.seen[n]++
	return nil
}

// fields calls f for every length-delimited field of that number.
func fields(msg []byte, number uint64, f func([]byte) error) error {
	for len(msg) > 0 {
		tag, n := binary.Uvarint(msg)
		if n <= 0 {
			return errors.New("bad tag")
		}
		msg = msg[n:]
		v, n := binary.Uvarint(msg)
		if n <= 0 {
			return errors.New("bad varint")
		}
		msg = msg[n:]
		if tag&7 != 2 {
			continue
		}
		if v > uint64(len(msg)) {
			return errors.New("cut short")
		}
		if tag>>3 == number {
			if err := f(msg[:v]); err != nil {
				return err
			}
		}
		msg = msg[v:]
	}
	return nil
}

// startTally starts the server and returns its URL.
func startTally(t *testing.T, delay time.Duration) string {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serverEnv+"="+delay.String())
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal("the server did not start:", err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	return "http://" + strings.TrimSpace(addr)
}

func askTally(t *testing.T, url string, from int) (rep report) {
	t.Helper()
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(url + "/report?from=" + strconv.Itoa(from))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&rep); err != nil {
		t.Fatal(err)
	}
	if rep.Fault != "" {
		t.Fatal("the server got something unreadable: ", rep.Fault)
	}
	return rep
}
