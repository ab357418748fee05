// Package stamp reads times as they are written in logs. It allocates nothing,
// and never takes a day or a time of day that does not exist.
package stamp
