// Package durable has what package os leaves out and every store of this module needs: the names of a folder made
// durable, and the bytes of a file without the times of it.
package durable
