// Magic numbers: linux/magic.h, and for what is not there the file systems' own headers.
#include <linux/magic.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "content/place.h"

namespace sluice::fs {

namespace {

struct Type {
    std::string_view name;
    std::uint32_t magic;
    Place place;
};

constexpr std::uint32_t kBcachefs = 0xca451a4e;
constexpr std::uint32_t kJfs = 0x3153464a;
constexpr std::uint32_t kMqueue = 0x19800202;
constexpr std::uint32_t kNtfs3 = 0x7366746e;
constexpr std::uint32_t kZfs = 0x2fc12fc1;
constexpr std::uint32_t kConfigfs = 0x62656570;
constexpr std::uint32_t kFusectl = 0x65735543;
constexpr std::uint32_t kRpcPipefs = 0x67596969;

// An overlay tells of what is changed through it; that nobody changes its layers beneath it is its
// own condition (Documentation/filesystems/overlayfs.rst).
constexpr std::array kTypes = std::to_array<Type>({
    {"ext2", EXT2_SUPER_MAGIC, Place::told},
    {"ext3", EXT3_SUPER_MAGIC, Place::told},
    {"ext4", EXT4_SUPER_MAGIC, Place::told},
    {"xfs", XFS_SUPER_MAGIC, Place::told},
    {"btrfs", BTRFS_SUPER_MAGIC, Place::told},
    {"tmpfs", TMPFS_MAGIC, Place::told},
    {"ramfs", RAMFS_MAGIC, Place::told},
    {"rootfs", RAMFS_MAGIC, Place::told},
    {"devtmpfs", TMPFS_MAGIC, Place::told},
    {"hugetlbfs", HUGETLBFS_MAGIC, Place::told},
    {"overlay", OVERLAYFS_SUPER_MAGIC, Place::told},
    {"zfs", kZfs, Place::told},
    {"f2fs", F2FS_SUPER_MAGIC, Place::told},
    {"bcachefs", kBcachefs, Place::told},
    {"jfs", kJfs, Place::told},
    {"reiserfs", REISERFS_SUPER_MAGIC, Place::told},
    {"nilfs2", NILFS_SUPER_MAGIC, Place::told},
    {"vfat", MSDOS_SUPER_MAGIC, Place::told},
    {"msdos", MSDOS_SUPER_MAGIC, Place::told},
    {"exfat", EXFAT_SUPER_MAGIC, Place::told},
    {"ntfs3", kNtfs3, Place::told},
    {"udf", UDF_SUPER_MAGIC, Place::told},
    {"iso9660", ISOFS_SUPER_MAGIC, Place::told},
    {"squashfs", SQUASHFS_MAGIC, Place::told},
    {"erofs", EROFS_SUPER_MAGIC_V1, Place::told},
    {"cramfs", CRAMFS_MAGIC, Place::told},
    {"minix", MINIX_SUPER_MAGIC, Place::told},

    {"proc", PROC_SUPER_MAGIC, Place::pseudo},
    {"sysfs", SYSFS_MAGIC, Place::pseudo},
    {"cgroup", CGROUP_SUPER_MAGIC, Place::pseudo},
    {"cgroup2", CGROUP2_SUPER_MAGIC, Place::pseudo},
    {"debugfs", DEBUGFS_MAGIC, Place::pseudo},
    {"tracefs", TRACEFS_MAGIC, Place::pseudo},
    {"securityfs", SECURITYFS_MAGIC, Place::pseudo},
    {"selinuxfs", SELINUX_MAGIC, Place::pseudo},
    {"smackfs", SMACK_MAGIC, Place::pseudo},
    {"apparmorfs", AAFS_MAGIC, Place::pseudo},
    {"configfs", kConfigfs, Place::pseudo},
    {"fusectl", kFusectl, Place::pseudo},
    {"bpf", BPF_FS_MAGIC, Place::pseudo},
    {"binfmt_misc", BINFMTFS_MAGIC, Place::pseudo},
    {"binder", BINDERFS_SUPER_MAGIC, Place::pseudo},
    {"devpts", DEVPTS_SUPER_MAGIC, Place::pseudo},
    {"efivarfs", EFIVARFS_MAGIC, Place::pseudo},
    {"pstore", PSTOREFS_MAGIC, Place::pseudo},
    {"mqueue", kMqueue, Place::pseudo},
    {"nsfs", NSFS_MAGIC, Place::pseudo},
    {"rpc_pipefs", kRpcPipefs, Place::pseudo},
    {"resctrl", RDTGROUP_SUPER_MAGIC, Place::pseudo},
    {"xenfs", XENFS_SUPER_MAGIC, Place::pseudo},
});

template <typename Value>
Place find(Value Type::*field, Value value) noexcept {
    const auto* const found = std::find_if(kTypes.begin(), kTypes.end(),
                                           [&](const Type& type) { return type.*field == value; });
    return found != kTypes.end() ? found->place : Place::untold;
}

}  // namespace

Place place_of(const File& node) noexcept {
    if (node.away() != nullptr) {
        return Place::untold;
    }
    struct statfs raw;
    if (::fstatfs(static_cast<int>(node.handle()), &raw) != 0) {
        return Place::untold;
    }
    return find(&Type::magic, static_cast<std::uint32_t>(raw.f_type));
}

Place place_of_type(std::string_view type) noexcept {
    return find(&Type::name, type);
}

}  // namespace sluice::fs
