package process_test

import (
	"context"
	"fmt"
	"time"

	"github.com/logferry/logferry/batch"
	"github.com/logferry/logferry/pipeline"
	"github.com/logferry/logferry/pipeline/process"
)

// show prints what processors make of a line, as a pipeline would have them do it.
func show(line string, processors ...pipeline.Processor) {
	b := batch.New(nil, batch.MustLabels("app", "shop"))
	b.Append(time.Time{}, []byte(line))
	for _, p := range processors {
		if err := p.Process(context.Background(), b); err != nil {
			fmt.Println(err)
		}
	}
	e := &b.Entries[0]
	fmt.Println(b.LabelsOf(0))
	if !e.Time.IsZero() {
		fmt.Println(e.Time.Format(time.RFC3339Nano))
	}
	for _, a := range e.Attrs {
		fmt.Printf("%s=%q\n", a.Key, a.Value)
	}
	fmt.Printf("%.40s\n", e.Line)
}

func ExampleJSON() {
	p, err := process.JSON(process.JSONConfig{
		Labels: map[string]string{"service": "service.name"},
		Attrs:  map[string]string{"trace_id": "trace.id"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	show(`{"service":{"name":"till"},"trace":{"id":"4bf92f35"},"msg":"sold"}`, p)
	// Output:
	// {app="shop", service="till"}
	// trace_id="4bf92f35"
	// {"service":{"name":"till"},"trace":{"id"
}

// With no Config, all that is there becomes an attribute.
func ExampleJSON_all() {
	show(`{"level":"warn","request":{"method":"GET","status":503}}`, process.Must(process.JSON(process.JSONConfig{})))
	// Output:
	// {app="shop"}
	// level="warn"
	// request_method="GET"
	// request_status="503"
	// {"level":"warn","request":{"method":"GET
}

// Fields are found behind text as well, here in a line of sshd.
func ExampleLogfmt() {
	p := process.Must(process.Logfmt(process.LogfmtConfig{Attrs: map[string]string{"rhost": "rhost", "uid": "uid"}}))
	show("Jun 14 15:16:01 combo sshd(pam_unix)[19939]: authentication failure; logname= uid=0 euid=0 tty=NODEVssh ruser= rhost=218.188.2.4 ", p)
	// Output:
	// {app="shop"}
	// rhost="218.188.2.4"
	// uid="0"
	// Jun 14 15:16:01 combo sshd(pam_unix)[199
}

// A line of OpenStack's nova.
func ExampleRegexp() {
	p := process.Must(process.Regexp(process.RegexpConfig{
		Pattern: `INFO (?P<component>[\w.]+) .* status: (?P<status>\d{3})`,
		Labels:  map[string]string{"component": "component"},
		Attrs:   map[string]string{"status": "status"},
	}))
	show(`nova-api.log.1.2017-05-16_13:53:08 2017-05-16 00:00:00.008 25746 INFO nova.osapi_compute.wsgi.server [req-38101a0b] `+
		`10.11.10.1 "GET /v2/54fadb41/servers/detail HTTP/1.1" status: 200 len: 1893 time: 0.2477829`, p)
	// Output:
	// {app="shop", component="nova.osapi_compute.wsgi.server"}
	// status="200"
	// nova-api.log.1.2017-05-16_13:53:08 2017-
}

// A line of ZooKeeper.
func ExampleLevel() {
	show("2015-07-29 19:04:29,071 - WARN  [SendWorker:188978561024:QuorumCnxManager$SendWorker@688] - Send worker leaving thread",
		process.Must(process.Level(process.LevelConfig{})))
	// Output:
	// {app="shop"}
	// level="warn"
	// 2015-07-29 19:04:29,071 - WARN  [SendWor
}

// A line of Apache's error log, which does not say in which zone it was written.
func ExampleTime() {
	p := process.Must(process.Time(process.TimeConfig{Zone: time.FixedZone("CET", 3600)}))
	show("[Sun Dec 04 04:47:44 2005] [error] mod_jk child workerEnv in error state 6", p)
	// Output:
	// {app="shop"}
	// 2005-12-04T03:47:44Z
	// [Sun Dec 04 04:47:44 2005] [error] mod_j
}

// A line of HDFS that comes too late by years, and is kept all the same.
func ExampleClamp() {
	clamp := process.Must(process.Clamp(process.ClampConfig{Past: 24 * time.Hour}))
	b := batch.New(nil, batch.MustLabels("app", "hdfs"))
	b.Append(time.Time{}, []byte("081109 203615 148 INFO dfs.DataNode$PacketResponder: PacketResponder 1 for block blk_38865049064139660 terminating"))
	for _, p := range []pipeline.Processor{process.Must(process.Time(process.TimeConfig{})), clamp} {
		if err := p.Process(context.Background(), b); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println(b.Entries[0].Attrs, "early:", clamp.Stats().Early)
	// Output:
	// [{original_time 2008-11-09T20:36:15.000000000Z}] early: 1
}

// What Docker's json-file driver writes, passed on by somebody who did not unwrap it.
func ExampleUnwrap() {
	show(`{"log":"081109 204655 556 INFO dfs.DataNode: Received block\n","stream":"stdout","time":"2016-10-06T00:17:09.669794202Z"}`,
		process.Must(process.Unwrap(process.UnwrapConfig{})),
		process.Must(process.Level(process.LevelConfig{})))
	// Output:
	// {app="shop"}
	// 2016-10-06T00:17:09.669794202Z
	// stream="stdout"
	// level="info"
	// 081109 204655 556 INFO dfs.DataNode: Rec
}
