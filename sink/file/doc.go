// Package file writes entries to files: as raw lines, JSON or by a template, at a path that is made of labels and
// time, rotated, compressed, and kept within bounds.
//
//	to, err := file.New(file.Config{Path: "/var/log/shop/{app}/{date}.log"})
//
// gives a sink.Sink for a route of a pipeline. The zero value of every other field of [Config] works.
//
// # What it promises
//
// A Write that returns nil has written each of its lines whole: they survive the end of the process, however that
// comes. What survives a loss of power depends on [Config.Sync]; with [SyncBatch] everything does that was
// acknowledged. A line is one line of its file, whatever bytes are in it, and is never joined to another one:
//
//	a write fails       what it left of a line is cut off before anything else is written
//	a flush fails       with SyncBatch what was not flushed yet is cut off, too, and fails to be written again;
//	                    the file is closed, since the kernel may take for written what was not
//	the process ends    within a line: whoever opens the file next gives it a newline. It may be the last that is known
//	                    of what happened, so it is not cut off. Its entry was not acknowledged, and comes again
//	a disk is full      an error that is worth a retry, like any other: nothing is refused for good, and nothing is
//	                    acknowledged until there is space
//
// The entries of a file are in the order in which Writes got their turn, those of a Write in the order of its batch.
// An entry is there twice if its Write was interrupted after it was written, as everywhere in this module.
//
// # One writer
//
// A file is claimed while it is open, with flock or what Windows has for that. A second Sink, in this process or
// another one, gets [ErrInUse] for that file, which is worth a retry, and says so in its Health; other files of the
// same folder are its own. Programs that do not ask, such as readers and logrotate, are not kept from anything. On a
// file system without locks nobody is.
//
// # Where it writes
//
// The text before the first placeholder of [Config.Path] names the root. All files are opened below it through an
// [os.Root], so that neither a label nor a symbolic link leads out of it. Values are escaped so that two of them
// never have one name; see Config.Path for the rule. If two logs have one name all the same, on a file system that
// does not tell capitals from small letters, or through a link, they share the file; lines stay whole.
//
// A log and its generations are told apart by their names alone. So are those of other processes with the same Path,
// now and before: [Config.Keep] and [Config.Compress] are for all that is found. A file is not touched if its name
// could not have been made by this package.
//
//	shop/2026-01-02.log                                 is being written
//	shop/2026-01-02.log.20260102T150405.123             was rotated at that time, in UTC
//	shop/2026-01-02.log.20260102T150405.123.zst         and compressed
//	shop/2026-01-02.log.20260102T150405.123.zst.tmp     is being compressed; is removed if nobody is at it
//
// A source/tail that is given shop/*.log reads on through all of this, and with Rotated from the oldest of them. A
// log whose time is over, such as that of yesterday, is compressed ten minutes after it was last written to. An entry
// that is later than that begins it again.
//
// # Others who rotate
//
// With each Write it is looked whether the file is still the one at its path. If it was renamed or removed, the file
// at the path is opened or made, so no signal is needed; if it was truncated, writing goes on at its new end. What is
// written between the last look and the renaming is in the renamed file, and whoever compresses that should wait a
// moment, as logrotate does with delaycompress. It should leave it to this package to make the file, with nocreate:
// with create, logrotate takes a file that it finds there already, since a Write was quicker, out of its way to
// all.log-2006010215.backup, in place of another one that it has found within the hour. Rotation of one's own is turned
// off with Rotate{Bytes: -1}.
//
// # Tasks
//
// Rotation at a size, or before a line that is due elsewhere, takes place within Write. What can wait is done by two
// tasks, which a pipeline starts: one flushes, the other rotates what is due and not written to, compresses and
// removes, once a minute and after each rotation. Without them, when nobody calls Start, there is no compression and
// no Keep, and Writes flush. Compressing takes one processor at most, and 5 MiB. When it is interrupted, at any
// point, the next Sink does it again: at every instant the original or the compressed file is there whole.
//
// # What it does not do
//
// The number of files is that of the labels and times there are: a label that anybody can set, or a time that anybody
// can write into a line, does not belong into a path.
//
// The system call is waited for: a Write to a network file system that hangs cannot be interrupted, and ends when
// that does. Generations are ordered by their names and by the times of files, so both are wrong if the clock is set
// back by more than it takes to rotate.
package file
