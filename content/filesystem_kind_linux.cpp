// Magic numbers are those of linux/magic.h; for types missing there, of the file systems' own
// headers.
#include <linux/magic.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "content/filesystem_kind.h"

namespace sluice::fs {

namespace {

struct Type {
    std::string_view name;
    std::uint32_t magic;
    FilesystemKind kind;
};

constexpr std::uint32_t kBcachefs = 0xca451a4e;
constexpr std::uint32_t kJfs = 0x3153464a;
constexpr std::uint32_t kMqueue = 0x19800202;
constexpr std::uint32_t kNtfs3 = 0x7366746e;
constexpr std::uint32_t kZfs = 0x2fc12fc1;
constexpr std::uint32_t kConfigfs = 0x62656570;
constexpr std::uint32_t kFusectl = 0x65735543;
constexpr std::uint32_t kRpcPipefs = 0x67596969;

// inotify reports what is changed through an overlay. Changes to its layers beneath it are not
// allowed while it is mounted (Documentation/filesystems/overlayfs.rst).
constexpr std::array kTypes = std::to_array<Type>({
    {"ext2", EXT2_SUPER_MAGIC, FilesystemKind::local},
    {"ext3", EXT3_SUPER_MAGIC, FilesystemKind::local},
    {"ext4", EXT4_SUPER_MAGIC, FilesystemKind::local},
    {"xfs", XFS_SUPER_MAGIC, FilesystemKind::local},
    {"btrfs", BTRFS_SUPER_MAGIC, FilesystemKind::local},
    {"tmpfs", TMPFS_MAGIC, FilesystemKind::local},
    {"ramfs", RAMFS_MAGIC, FilesystemKind::local},
    {"rootfs", RAMFS_MAGIC, FilesystemKind::local},
    {"devtmpfs", TMPFS_MAGIC, FilesystemKind::local},
    {"hugetlbfs", HUGETLBFS_MAGIC, FilesystemKind::local},
    {"overlay", OVERLAYFS_SUPER_MAGIC, FilesystemKind::local},
    {"zfs", kZfs, FilesystemKind::local},
    {"f2fs", F2FS_SUPER_MAGIC, FilesystemKind::local},
    {"bcachefs", kBcachefs, FilesystemKind::local},
    {"jfs", kJfs, FilesystemKind::local},
    {"reiserfs", REISERFS_SUPER_MAGIC, FilesystemKind::local},
    {"nilfs2", NILFS_SUPER_MAGIC, FilesystemKind::local},
    {"vfat", MSDOS_SUPER_MAGIC, FilesystemKind::local},
    {"msdos", MSDOS_SUPER_MAGIC, FilesystemKind::local},
    {"exfat", EXFAT_SUPER_MAGIC, FilesystemKind::local},
    {"ntfs3", kNtfs3, FilesystemKind::local},
    {"udf", UDF_SUPER_MAGIC, FilesystemKind::local},
    {"iso9660", ISOFS_SUPER_MAGIC, FilesystemKind::local},
    {"squashfs", SQUASHFS_MAGIC, FilesystemKind::local},
    {"erofs", EROFS_SUPER_MAGIC_V1, FilesystemKind::local},
    {"cramfs", CRAMFS_MAGIC, FilesystemKind::local},
    {"minix", MINIX_SUPER_MAGIC, FilesystemKind::local},

    {"proc", PROC_SUPER_MAGIC, FilesystemKind::pseudo},
    {"sysfs", SYSFS_MAGIC, FilesystemKind::pseudo},
    {"cgroup", CGROUP_SUPER_MAGIC, FilesystemKind::pseudo},
    {"cgroup2", CGROUP2_SUPER_MAGIC, FilesystemKind::pseudo},
    {"debugfs", DEBUGFS_MAGIC, FilesystemKind::pseudo},
    {"tracefs", TRACEFS_MAGIC, FilesystemKind::pseudo},
    {"securityfs", SECURITYFS_MAGIC, FilesystemKind::pseudo},
    {"selinuxfs", SELINUX_MAGIC, FilesystemKind::pseudo},
    {"smackfs", SMACK_MAGIC, FilesystemKind::pseudo},
    {"apparmorfs", AAFS_MAGIC, FilesystemKind::pseudo},
    {"configfs", kConfigfs, FilesystemKind::pseudo},
    {"fusectl", kFusectl, FilesystemKind::pseudo},
    {"bpf", BPF_FS_MAGIC, FilesystemKind::pseudo},
    {"binfmt_misc", BINFMTFS_MAGIC, FilesystemKind::pseudo},
    {"binder", BINDERFS_SUPER_MAGIC, FilesystemKind::pseudo},
    {"devpts", DEVPTS_SUPER_MAGIC, FilesystemKind::pseudo},
    {"efivarfs", EFIVARFS_MAGIC, FilesystemKind::pseudo},
    {"pstore", PSTOREFS_MAGIC, FilesystemKind::pseudo},
    {"mqueue", kMqueue, FilesystemKind::pseudo},
    {"nsfs", NSFS_MAGIC, FilesystemKind::pseudo},
    {"rpc_pipefs", kRpcPipefs, FilesystemKind::pseudo},
    {"resctrl", RDTGROUP_SUPER_MAGIC, FilesystemKind::pseudo},
    {"xenfs", XENFS_SUPER_MAGIC, FilesystemKind::pseudo},
});

template <typename Value>
FilesystemKind find(Value Type::*field, Value value) noexcept {
    const auto* const found = std::find_if(kTypes.begin(), kTypes.end(),
                                           [&](const Type& type) { return type.*field == value; });
    return found != kTypes.end() ? found->kind : FilesystemKind::remote;
}

}  // namespace

FilesystemKind filesystem_kind_of(const File& node) noexcept {
    if (node.remote_ref() != nullptr) {
        return FilesystemKind::remote;
    }
    struct statfs raw;
    if (::fstatfs(static_cast<int>(node.handle()), &raw) != 0) {
        return FilesystemKind::remote;
    }
    return find(&Type::magic, static_cast<std::uint32_t>(raw.f_type));
}

FilesystemKind filesystem_kind_of_type(std::string_view type) noexcept {
    return find(&Type::name, type);
}

}  // namespace sluice::fs
