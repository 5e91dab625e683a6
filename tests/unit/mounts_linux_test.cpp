#include "content/mounts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>

#include "private_mounts_linux.h"
#include "temp_tree.h"

namespace sluice::http {
namespace {

using testing::ElementsAre;
using testing::Key;

TEST(Mounts, BelowTheRootAndWhatItLiesIn) {
    const Mounts mounts = parse_mounts(
        "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
        "30 22 8:2 / /srv rw - xfs /dev/sda2 rw\n"
        "31 30 0:40 / /srv/www/a\\040b rw,nosuid shared:7 master:2 - fuse.sshfs me:/x rw\n"
        "32 30 8:1 /etc/motd /srv/www/motd rw - ext4 /dev/sda1 rw\n"
        "33 30 0:41 / /srv/wwwroot rw - tmpfs tmpfs rw\n"
        "34 22 0:5 / /proc rw - proc proc rw\n"
        "not a line\n",
        "/srv/www");
    ASSERT_THAT(mounts, ElementsAre(Key(""), Key("/a b"), Key("/motd")));
    EXPECT_EQ(mounts.at("").id, 30U);
    EXPECT_EQ(mounts.at("/a b"), (Mount{31, "0:40", "/", fs::FilesystemKind::remote}));
    EXPECT_EQ(mounts.at("/motd"), (Mount{32, "8:1", "/etc/motd", fs::FilesystemKind::local}));
}

TEST(Mounts, TheLastOneAtAPlaceIsSeenAndWhatIsBelowTheOtherIsNot) {
    const Mounts mounts = parse_mounts(
        "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
        "30 22 0:40 / /a rw - tmpfs x rw\n"
        "31 30 0:41 / /a/b rw - tmpfs x rw\n"
        "32 30 0:42 / /a rw - tmpfs x rw\n"  // over 30
        "33 32 0:43 / /a/c rw - nfs4 x rw\n"
        "40 22 0:44 / /p/q/r rw - tmpfs x rw\n"
        "41 22 0:45 / /p rw - tmpfs x rw\n",  // covers 40
        "");
    ASSERT_THAT(mounts, ElementsAre(Key(""), Key("/a"), Key("/a/c"), Key("/p")));
    EXPECT_EQ(mounts.at("/a").id, 32U);
    EXPECT_EQ(mounts.at("/p").id, 41U);
}

TEST(Mounts, ARootThatIsNoMountItself) {
    const Mounts mounts = parse_mounts(
        "50 49 0:40 / /www/a rw - tmpfs x rw\n"
        "51 49 0:41 / /other rw - tmpfs x rw\n",
        "/www");
    EXPECT_THAT(mounts, ElementsAre(Key("/a")));
}

TEST(Mounts, OfARootThatIsCoveredTheUpperOne) {
    const Mounts mounts = parse_mounts(
        "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
        "30 22 0:40 / /srv/www rw - tmpfs x rw\n"
        "31 30 0:41 / /srv/www rw - tmpfs x rw\n",
        "/srv/www");
    ASSERT_THAT(mounts, ElementsAre(Key("")));
    EXPECT_EQ(mounts.at("").id, 31U);
}

TEST(MountTable, TellsOfWhatIsMountedAndUnmounted) {
    const test::PrivateMounts mine;
    if (!mine.have()) {
        return;
    }
    const test::TempTree tree;
    tree.write("d/x", "");
    tree.write("e/x", "");
    MountTable table;
    (void)table.changed();
    EXPECT_THAT(table.read(tree.root()), ElementsAre(""));
    EXPECT_FALSE(table.changed());
    ASSERT_EQ(::mount("none", tree.path("d").c_str(), "tmpfs", 0, nullptr), 0);
    EXPECT_TRUE(table.changed());
    EXPECT_THAT(table.read(tree.root()), ElementsAre("/d"));
    EXPECT_FALSE(table.changed());
    ASSERT_EQ(::mount(tree.path("e").c_str(), tree.path("d").c_str(), nullptr, MS_BIND, nullptr),
              0);
    EXPECT_TRUE(table.changed());
    EXPECT_THAT(table.read(tree.root()), ElementsAre("/d"));
    ASSERT_EQ(::umount2(tree.path("d").c_str(), 0), 0);
    ASSERT_EQ(::umount2(tree.path("d").c_str(), 0), 0);
    EXPECT_TRUE(table.changed());
    EXPECT_THAT(table.read(tree.root()), ElementsAre("/d"));
    EXPECT_THAT(table.mounts(), ElementsAre(Key("")));
}

}  // namespace
}  // namespace sluice::http
