// Package atomicfile replaces files as a whole.
//
//	content ──> a new file beside ── fsync ── rename ── fsync of the directory ──> the file
//
// [Write] and [Create] are for files of our own, [Replace] is for files that others read
// and own. [Append] is for one that has what changes by and by beside another one that has all.
//
// # Contract
//
// Whoever reads the path, also after a crash at any moment, sees the old file or the new
// one, whole. An error leaves the old file, and nothing beside it. It begins with the
// path; where the file system has no room, it says so and [IsFull] knows it.
//
// A process that is killed may leave the new file beside: [RemoveLeft] removes that in a
// directory of our own, [Replace] what is an hour old of its own path. [Prove] shows that such
// a directory has room, and [Clean] does both.
//
// Two writers of one path don't harm each other: the last one counts.
package atomicfile
