// Package containertest is a container engine in this process.
package containertest
