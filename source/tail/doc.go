// Package tail follows log files: it reads what is appended to them, through
// every kind of rotation, and acknowledges what was delivered.
//
//	src, err := tail.New(tail.Config{Paths: []string{"/var/log/shop/*.log"}})
//
// gives a source.Source for a pipeline. The zero value of every other field of
// [Config] works.
//
// # What it promises
//
// Each line is delivered at least once, in the order of its file, and the lines
// of one path in the order of its files. After a restart nothing is read again
// but what lies beyond the last saved cursor. A file's cursor stands behind
// whole lines only: a last line without newline is held back until its newline
// comes, or until the file is finished, which it is when it was renamed or
// deleted and then stayed unchanged for RotateWait.
//
// # What a file is
//
// A file is recognised by its device and inode numbers together with its
// content: a hash of its first bytes, up to 1 KiB, and one of the 64 bytes
// before the position it was read to. Neither is enough alone. The number of a
// deleted file is given to the next one that is created, many logs begin alike,
// and lines of one length end alike. Each read begins 64 bytes early, and what
// it finds is good only if the file still begins as it did: so one that was
// truncated and has grown again, or that has taken the place of another, is
// found out by the read itself. Two names of one file, hard or symbolic links,
// are one file.
//
//	renamed          read on through the open handle to its end, and for as long as its writer goes on
//	deleted          likewise; its space on disk is free once it was delivered
//	copytruncate     the copy is found by its content and read from the position reached; the file itself is
//	                 new, and is begun when the copy is read
//	truncated        read from its beginning; what had not been read is reported as lost
//	rotated twice    the generation between, which never was seen at its path, is looked for by its name, and the
//	                 time it was changed: app.log.1, app.log-20060102, app.1.log, app-2006-01-02T15-04-05.log
//	compressed       a .gz or .zst is read from where reading of the file it was made of stopped
//
// A new file that begins like another is held while it may turn out to be a
// copy that is about to replace it: until the two diverge, or it was not changed
// for RotateWait, or for 5 min if its name says that it is a generation of the
// other. The newest generation of each path that was delivered is remembered,
// with its cursor, for as long as it exists: what a late writer adds to it is
// read, and what followed it unseen is found, after a restart too.
//
// # Compressed files
//
// Files that patterns find and whose names end in .gz or .zst are unpacked. Each
// is read once, when it was not changed for RotateWait, and one at a time: that
// takes some 2 MiB, and 8 more for zstd. What is known by its first bytes to have
// been read before it was compressed is left out, if the bytes before that place
// agree too. A file that was compressed while the program was down is found
// whether or not a pattern names it.
//
// With Config.Rotated a log begins with the oldest of its generations that is
// there, compressed or not, when the log is found.
//
// What is damaged is delivered up to the damage, and reported. Unpacking ends
// with an error beyond MaxUnpacked bytes, and beyond 500 times the compressed
// size once that is more than 64 MiB.
//
// # What no reader can repair
//
//   - What is written between the copy and the truncation of a copytruncate, and
//     not read in between: it is in neither file.
//   - A file that is created and deleted between two looks, or is rotated before
//     the first look of all under a name that rotation does not make. With events
//     of the file system looks are moments apart, without them up to IdlePoll.
//   - A file that is moved to another folder while the program is down, unless a
//     pattern names that too: a file is looked for in the folder it was in.
//   - A file beyond MaxOpen that is appended to and deleted before it is opened
//     again.
//   - A generation that was rotated and compressed before it ever was looked at,
//     unless a pattern names it or Rotated asks for it.
//   - Two files whose first 1 KiB and whose 64 bytes before the position are
//     the same, after a restart and without their inode numbers. Log lines with
//     times or counters in them never are.
//   - A copy of a log that goes on, if a pattern names it and it is not compressed:
//     nothing tells that it is not a log of its own.
//   - The order of what is added to a rotated file once its successor has lines:
//     the old file is read to its end right before the first read of the new.
//   - A file system that does not answer: a look at a path then waits for it.
//   - What was delivered beyond the last saved cursor when the program is killed:
//     it comes twice.
//
// # Systems
//
// All of this holds on Linux. On macOS and the BSDs, events take a descriptor for
// each file in a watched folder (see Config.NoWatch). On Windows the identity of a
// file is asked through a handle at each look, and files are opened so that others
// may rename and delete them. Other systems than Linux are compiled, not tested.
//
// NUL bytes at the very beginning of a file are left out: a writer that does
// not append leaves them there when its file is truncated. Everywhere else
// lines may hold any bytes.
//
// # What an entry is
//
// As a rule an entry is a line. [Config] has more to say:
//
//	Format      takes the line out of what Docker or a CRI runtime wrapped it in, and joins the pieces of a long one
//	Multiline   joins lines: by a pattern, by a date at the beginning, or stack traces
//	Encoding    makes UTF-8 of anything else; a byte order mark of UTF-16 is enough
//
// An entry that may go on is held back, for Multiline.Timeout at most. Nothing
// of it is kept in memory: the position stays where it began, and the next turn
// reads it again. A restart in the middle of it is no different, so nothing is
// lost and nothing comes twice. The two outputs of a container are joined apart;
// while an entry of one is open, those of the other are delivered, and the
// cursor remembers up to where. How much is read again is bounded: an entry is
// closed when 1 MiB of the file, or twice MaxLine, follows its beginning. While
// an output is silent within an entry and the other one is busy, up to that much
// is read again with each turn, until Timeout is over by the times of the lines.
//
// What is rotated away takes its open entry along: lines in the new file begin
// another one. When a file is truncated, an entry that was held back is lost
// with the rest that was not read, and told of.
//
// # Files that wait
//
// Config.Accept makes a file wait until something is known about it: whose log
// it is, and what labels and attributes belong to it. Until then it is not
// opened. When it is accepted, what it was rotated to meanwhile is found as after
// a restart, and its cursor, if it had one, is there. What rotation removed while
// it waited is lost.
//
// The streams of this package are named by absolute paths, with a number behind
// them. Those of other names that the same outlet has are left alone: a source of
// another kind may run this one on its own outlet.
//
// # What it costs
//
// The number of goroutines is fixed: Run, which finds out what became of which
// file, Readers that read them, and two that collect events of the file system,
// one of which is fsnotify's: five by default, for one file or ten thousand. Files that are asleep cost one stat every IdlePoll. Large reads go
// straight into the memory of the batch and lines are not copied; small ones
// are copied into a batch of their size, so that many slow files do not hold
// many large buffers. A line of any length takes no more memory than MaxLine, and
// with Format, Multiline or Encoding a reader takes a few times as much.
//
// A reader that waits for a route, because of backpressure, waits with the file
// it has in hand. When all readers wait, no file is read, but rotation is
// noticed all the same, and files that would be lost are opened.
//
// # Who looks after it
//
// [Source.Stats] tells how far each file has been read, delivered and
// acknowledged. What cannot be read is logged once through the outlet's logger
// when it begins, and when it is over; the other files go on.
package tail
