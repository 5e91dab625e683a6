#include "content/place.h"

#include <fcntl.h>
#include <gtest/gtest.h>

namespace sluice::fs {
namespace {

Place place_at(const char* path) {
    const File node(::open(path, O_PATH | O_CLOEXEC));
    EXPECT_TRUE(node) << path;
    return place_of(node);
}

TEST(FsPlace, TheSystemsOwnStateIsPseudo) {
    EXPECT_EQ(place_at("/proc"), Place::pseudo);
    EXPECT_EQ(place_at("/sys"), Place::pseudo);
    EXPECT_EQ(place_at("/dev/shm"), Place::told);
}

TEST(FsPlace, ByName) {
    EXPECT_EQ(place_of_type("ext4"), Place::told);
    EXPECT_EQ(place_of_type("overlay"), Place::told);
    EXPECT_EQ(place_of_type("cgroup2"), Place::pseudo);
    for (const char* type : {"nfs4", "cifs", "smb3", "9p", "fuse", "fuse.sshfs", "fuseblk",
                             "virtiofs", "ceph", "autofs", "something new"}) {
        EXPECT_EQ(place_of_type(type), Place::untold) << type;
    }
}

}  // namespace
}  // namespace sluice::fs
