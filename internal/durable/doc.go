// Package durable has what package os leaves out and every store of this module needs: a lock that ends with its
// process, the names of a folder made durable, and the bytes of a file without the times of it.
package durable
