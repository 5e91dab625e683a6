#include "content/filesystem_kind.h"

#include <fcntl.h>
#include <gtest/gtest.h>

namespace sluice::fs {
namespace {

FilesystemKind kind_at(const char* path) {
    const File node(::open(path, O_PATH | O_CLOEXEC));
    EXPECT_TRUE(node) << path;
    return filesystem_kind_of(node);
}

TEST(FilesystemKind, TheSystemsOwnStateIsPseudo) {
    EXPECT_EQ(kind_at("/proc"), FilesystemKind::pseudo);
    EXPECT_EQ(kind_at("/sys"), FilesystemKind::pseudo);
    EXPECT_EQ(kind_at("/dev/shm"), FilesystemKind::local);
}

TEST(FilesystemKind, ByName) {
    EXPECT_EQ(filesystem_kind_of_type("ext4"), FilesystemKind::local);
    EXPECT_EQ(filesystem_kind_of_type("overlay"), FilesystemKind::local);
    EXPECT_EQ(filesystem_kind_of_type("cgroup2"), FilesystemKind::pseudo);
    for (const char* type : {"nfs4", "cifs", "smb3", "9p", "fuse", "fuse.sshfs", "fuseblk",
                             "virtiofs", "ceph", "autofs", "something new"}) {
        EXPECT_EQ(filesystem_kind_of_type(type), FilesystemKind::remote) << type;
    }
}

}  // namespace
}  // namespace sluice::fs
