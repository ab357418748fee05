// Package template reads templates of text with {placeholders}, as Configs have
// them for paths, lines and labels. What a placeholder stands for is up to whoever
// asks, but for the names of labels, which are written alike everywhere: see
// [Piece.Label].
package template
