// Package nxtail follows log files with github.com/nxadm/tail, best effort, for
// services that use that already. Everybody else, and they in the end, are better
// served by source/tail.
//
//	src, err := nxtail.New(nxtail.Config{Paths: []string{"/var/log/shop/app.log"}})
//
// gives a source.Source for a pipeline.
package nxtail
