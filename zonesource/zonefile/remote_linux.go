package zonefile

import "golang.org/x/sys/unix"

// isRemote reports whether other hosts may write to a directory: then the kernel of this one
// doesn't know.
func isRemote(dir string) bool {
	var fs unix.Statfs_t
	err := unix.Statfs(dir, &fs)
	if err != nil {
		return true
	}
	switch uint32(fs.Type) { // signed on some systems
	case unix.NFS_SUPER_MAGIC, unix.SMB_SUPER_MAGIC, unix.SMB2_SUPER_MAGIC, unix.CIFS_SUPER_MAGIC, unix.FUSE_SUPER_MAGIC,
		unix.V9FS_MAGIC, unix.AFS_SUPER_MAGIC, unix.CEPH_SUPER_MAGIC, unix.OCFS2_SUPER_MAGIC, unix.CODA_SUPER_MAGIC:
		return true
	}
	return false
}
