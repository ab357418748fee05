// Package jsonscan goes through lines that are JSON, for those who want little of
// a line and have no time for the rest: what a string holds is not copied, and
// not looked at but for its end. Whether a value is right is told by [Scan.Skip]
// alone.
package jsonscan
