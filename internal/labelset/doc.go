// Package labelset bounds how many label sets come into being, where labels are
// made of what others say: names of containers, fields of lines. Each set is
// interned, and a stream for Loki.
package labelset
