// Package churn follows the containers of real engines while they come and go, and counts what arrives. It has nothing but
// tests, which skip where there is no engine; see internal/enginetest.
//
// Containers live for 50 ms to 20 s, ten at a time, and write numbered lines by every way an engine has to store them.
// Meanwhile what follows them is made to wait for seconds, the engine is restarted, and so is what follows. A container is
// removed when all is delivered that its engine has of it, so that nothing may be missing; some are removed as soon as they
// have ended, as `run --rm` does, and what is missing of those is printed. Nothing may come twice or out of order of any.
// Between two waves of containers the goroutines and descriptors of this process must be exactly those of before.
//
// LOGFERRY_SOAK=1 asks for 300 containers at each engine.
package churn
