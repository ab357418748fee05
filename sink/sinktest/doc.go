// Package sinktest checks a [sink.Sink] against its contract. It is for tests of Sinks, those that come with this
// module and one's own:
//
//	func TestConformance(t *testing.T) {
//		sinktest.Run(t, func(t testing.TB) sinktest.Target {
//			dest := startDestination(t)
//			return sinktest.Target{Sink: mysink.New(dest.Addr()), Delivered: dest.Entries}
//		})
//	}
//
// Run it with -race: a Sink that reads a batch after its Write has returned races with the kit, which overwrites the
// memory of every batch as soon as it is settled.
package sinktest
