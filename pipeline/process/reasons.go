package process

// Reasons that entries are dropped for, as a pipeline's ledger and hooks have them.
const (
	DroppedMatched     = "matched"      // by [Drop], unless its Config has another one
	DroppedUnmatched   = "unmatched"    // by [Keep], unless its Config has another one
	DroppedSampled     = "sampled"      // by [Sample]
	DroppedRateLimited = "rate_limited" // by [RateLimit]
	DroppedDuplicate   = "duplicate"    // by [Dedupe]
)
