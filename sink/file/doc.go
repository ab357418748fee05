// Package file writes entries to files.
package file
