package lifecycle

// spawn holds the module's only go statement. Whoever reaches it has counted its task already, so there is no instant
// at which a goroutine runs that Close does not wait for.
func spawn(run func()) {
	go run()
}
