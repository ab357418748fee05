// Package enginetest runs real container engines for tests.
//
// LOGFERRY_ENGINES lists the folders of the engines' programs, as `.ci/run` unpacks and sets them; the version is what
// follows "engine-" in a folder's name. [Need] returns the versions, and skips the test where there are none, unless
// LOGFERRY_REQUIRE lists "engine": then it fails. An engine that happens to run on the machine is never used.
//
// [Start] runs an [Engine] of a test's own; a [Fleet] holds one engine of each version for all tests of a package. An
// engine is private: its socket and all it stores are in a folder that goes away with it, it has no network, and it runs
// in a PID and a mount namespace of its own, under a shell that waits for the end of a pipe from the test process. When
// that ends, even by a SIGKILL, the kernel ends the engine, its containerd, shims and containers, and drops its mounts.
// This needs Linux, root, and util-linux.
//
// A package that shares its engines among its tests has
//
//	var engines enginetest.Fleet
//
//	func TestMain(m *testing.M) { goleak.VerifyTestMain(engines.Around(m)) }
//
// and runs a test for each version with
//
//	for _, version := range enginetest.Need(t) {
//		t.Run(version, func(t *testing.T) {
//			e := engines.Engine(t, version)
//
// [Engine.Create] makes a [Container] of a small program that writes the numbered lines of a [Script]. The [Ledger]
// recognises them, and says which were lost, which came twice, and which out of order.
package enginetest
